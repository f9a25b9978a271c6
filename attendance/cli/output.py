"""What the command line writes: results on stdout, everything else on stderr, colours only where a terminal shows them."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, SupportsFloat

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from attendance.cli.text import safe, utc_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TOLD_EVERY_S = 3.0  # where stderr is no terminal
_MARKS = {"ok": "green", "warning": "yellow", "fault": "red", "accepted": "green", "rejected": "red"}


def make_safe_streams() -> None:
    """A terminal that cannot show a letter gets its escape rather than a crash."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # what a test puts in its place may have none
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def emit(document: Mapping[str, Any]) -> None:
    """The one JSON document of a command, ASCII only, so that no name in it can reach the terminal as anything else."""
    sys.stdout.write(json.dumps(plain(document), indent=2, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """The value in JSON's own types: a number that JSON cannot hold is null, a time is ISO 8601 in UTC, the rest is text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [plain(held) for held in value]
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, SupportsFloat):  # numpy's numbers too
        return float(value) if math.isfinite(float(value)) else None
    return str(value)


def say(sentence: str, *, mark: str = "") -> None:
    """A line of the result, for people; ``mark`` colours its first word."""
    line = Text(safe(sentence))
    if mark in _MARKS:
        line.stylize(_MARKS[mark], 0, len(sentence.split(" ", 1)[0]))
    _stdout().print(line, soft_wrap=True)


def note(sentence: str) -> None:
    """A line on stderr: what is being done, and what a person should know besides the result."""
    _stderr().print(Text(safe(sentence)), soft_wrap=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A small table on stdout; on a terminal fitted to its width, elsewhere as wide as it has to be."""
    shown = Table(box=None, pad_edge=False, header_style="bold", highlight=False)
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(safe("" if cell is None else str(cell))) for cell in row))
    console = _stdout()
    if not console.is_terminal:
        console.width = 10_000
    console.print(shown, soft_wrap=False)


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar for each step on stderr, drawn on a terminal only; yields ``report(step, done, total)``.

    Where stderr is no terminal, each step is announced by one line, so that a log says what took the time, and one that
    takes long says every few seconds how far it is.
    """
    console = _stderr()
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
    tasks: dict[str, Any] = {}
    told_s = time.monotonic()

    def report(step: str, done: int, total: int | None) -> None:
        nonlocal told_s
        if step not in tasks:
            bars.start()
            tasks[step] = bars.add_task(safe(step), total=total)
            if not quiet and not console.is_terminal:
                note(f"{step} …")
        elif total and time.monotonic() - told_s > TOLD_EVERY_S and not quiet and not console.is_terminal:
            note(f"{step}: {done:,} of {total:,}")
            told_s = time.monotonic()
        bars.update(tasks[step], completed=done, total=total)

    try:
        yield report
    finally:
        bars.stop()


def _stdout() -> Console:
    return Console(file=sys.stdout, highlight=False)


def _stderr() -> Console:
    return Console(file=sys.stderr, highlight=False)
