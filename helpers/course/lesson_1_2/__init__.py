"""Lesson 1.2: its exercises and its view."""
