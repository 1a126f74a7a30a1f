"""Lesson 3.4: its exercises, the trials of a gate, and its view."""
