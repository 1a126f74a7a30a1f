"""Lesson 1.1: its exercises, its view and the design document."""
