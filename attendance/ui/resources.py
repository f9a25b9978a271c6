"""What all sessions of one server share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attendance.api.running import reset, running

if TYPE_CHECKING:
    from attendance.bootstrap import Application


def application() -> Application:
    """The parts of this process.

    The pages never download anything: that is the work of `make run` and of `python -m attendance models --fetch`, which
    show progress, so that opening a page never waits for a network.

    Raises:
        AttendanceError: a setting, a model or the store cannot be used.
    """
    return running().application()


def forget_application() -> None:
    """Let the next visit build everything anew; for tests."""
    reset()


def follow_model_change() -> None:
    """Take over what operators saved, and the model that decides.

    Raises:
        AttendanceError: it cannot be used.
    """
    running().follow()
