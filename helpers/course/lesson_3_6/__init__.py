"""Lesson 3.6: its exercises and its view."""
