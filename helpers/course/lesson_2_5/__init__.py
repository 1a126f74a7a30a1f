"""Lesson 2.5: its exercises and its view."""
