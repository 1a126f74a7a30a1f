"""Lesson 2.7: its exercises, its view, and what a plan to refresh features costs."""
