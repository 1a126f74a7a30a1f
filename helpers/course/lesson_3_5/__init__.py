"""Lesson 3.5: its exercises and its view."""
