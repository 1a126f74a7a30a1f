"""Lesson 1.4: its exercises and its view."""
