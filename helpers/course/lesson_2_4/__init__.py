"""Lesson 2.4: its exercises and its view."""
