"""Lesson 2.3: its exercises and its view."""
