"""Lesson 4.2: its exercises, its view, and the disk on which its jobs are killed."""
