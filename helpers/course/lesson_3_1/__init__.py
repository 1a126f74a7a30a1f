"""Lesson 3.1, Tune: exercises, the view of a search, and networks that were trained before."""
