"""Errors that are raised again: for another thread, or with the name of the picture that they are about."""

from __future__ import annotations

from typing import TypeVar

from attendance.errors import AttendanceError

E = TypeVar("E", bound=AttendanceError)


def copy_of(error: E, message: str | None = None) -> E:
    """The same error with the same data, as an object of its own, with another message where one is given.

    An exception object carries its traceback and its cause, so it must not be raised in two places. ``copy.copy`` cannot
    be used: it calls the constructor without the data.
    """
    fresh = type(error).__new__(type(error))
    fresh.__dict__.update(error.__dict__)
    fresh.args = error.args if message is None else (message,)
    return fresh


def about(error: E, label: str) -> E:
    """The same error with the picture's label before its message."""
    return copy_of(error, f"{label}: {error}" if label else str(error))
