"""What only teaches: exercises with replies, interactive views, and a room for each lesson.

Nothing outside this package imports it.

Examples
--------
>>> from helpers.course import check
>>> check("0-b", ...)
[not attempted] 0-b: Replace the ... with your answer and run the cell again.
"""

from helpers.course.exercises import UnknownExerciseError, check, hint, progress, solution

__all__ = ["UnknownExerciseError", "check", "hint", "progress", "solution"]
