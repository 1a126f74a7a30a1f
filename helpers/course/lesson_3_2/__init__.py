"""Lesson 3.2: its exercises and its view."""
