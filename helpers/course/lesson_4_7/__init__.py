"""Lesson 4.6, Monitor."""
