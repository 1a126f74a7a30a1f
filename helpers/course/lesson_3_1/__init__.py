"""Lesson 3.1, Tune: exercises, the view of a search, and a tracking store that opens at once."""
