"""Lesson 4.5: its exercises and its view."""
