"""Lesson 2.1: its exercises and its view."""
