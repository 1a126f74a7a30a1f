"""Lesson 2.6: its exercises and its view."""
