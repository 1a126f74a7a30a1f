"""Lesson 4.3: its exercises, its view, and what starts a fresh process."""
