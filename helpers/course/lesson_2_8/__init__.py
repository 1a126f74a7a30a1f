"""Lesson 2.8: its exercises and its view."""
