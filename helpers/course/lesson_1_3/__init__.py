"""Lesson 1.3: its exercises and its view."""
