"""What every command needs: the settings, the application for as long as it runs, pictures, and who is asking."""

from __future__ import annotations

import getpass
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attendance import settings as settings_module
from attendance.bootstrap import build
from attendance.cli.output import note, progress
from attendance.errors import ImageUnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from attendance.bootstrap import Application
    from attendance.bootstrap.parts import Progress

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout and nothing else.")]
TrackJob = Annotated[
    bool | None,
    typer.Option("--track/--no-track", help="Make an MLflow run of it; without either as ATTEND_TRACKING_JOBS says."),
]
Picture = Annotated[str, typer.Argument(metavar="PICTURE", help="A picture's file; - reads it from stdin.")]


@contextmanager
def opened(**overrides: object) -> Iterator[tuple[Application, Progress]]:
    """The application and a function that reports progress; closed whatever happens. ``overrides`` replace settings."""
    settings = settings_module.load(**overrides)
    with progress() as report:
        application = build(settings, progress=report)
        try:
            yield application, report
        finally:
            application.close()


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Lets a long job end at the next safe place: yields a function that says whether Ctrl-C was pressed.

    A second Ctrl-C ends at once, which loses nothing either: whatever is stored is stored whole.
    """
    pressed = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        note("Stopping after this one; press Ctrl-C again to stop at once.")

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


def say_model(application: Application) -> None:
    """Tell on stderr which model decides, where it is not the one that people expect."""
    notice = application.notice
    if notice is not None:
        note(notice)


def read_picture(path: str, limit_bytes: int) -> bytes:
    """A picture's bytes; ``-`` reads stdin. At most one byte more than the limit, for the engine to refuse.

    Raises:
        ImageUnreadableError: there is no such file, or it cannot be read.
    """
    if path == "-":
        return sys.stdin.buffer.read(limit_bytes + 1)
    try:
        with Path(path).open("rb") as file:
            return file.read(limit_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        cause = error.strerror if isinstance(error, OSError) else str(error)
        raise ImageUnreadableError(f"The picture {path} cannot be read: {cause}.", reason="missing") from error


def operator() -> str:
    """Who is at the keyboard, for the audit."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):  # an account without a name, as in some containers
        return "cli"
