"""Lesson 3.3: its exercises and its view."""
