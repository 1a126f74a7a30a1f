"""Lesson 2.2: its exercises, its simulation of alarms and its view."""
