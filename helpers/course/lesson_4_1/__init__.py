"""Lesson 4.1: its exercises and its view."""
