"""The findings by the parts that people know them by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attendance.services.status import Finding, Status, worst
from attendance.ui.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

# Every check of attendance/checks.py and of status_findings.py has its place here; a test holds them together.
PARTS = {
    "Database": ("store",),
    "Face model": ("server", "active model", "templates", "models"),
    "Recognition": ("queue", "speed"),
    "Settings": ("saved settings", "settings"),
    "Last check-in": ("last check-in",),
    "MLflow tracking": ("tracking",),
    "Disk": ("disk",),
    "Clock": ("time zone",),
    "Installation": ("python", "packages"),
}
APART = ("camera",)  # has a section of its own
NOT_KNOWN = Finding("", Status.WARNING, "Not known while the database is away.")


@dataclass(frozen=True, slots=True)
class Row:
    """One part with its findings, the worst first."""

    title: str
    findings: tuple[Finding, ...]

    @property
    def status(self) -> Status:
        """The worst of them."""
        return worst(self.findings)

    @property
    def key(self) -> str:
        """The title as part of a CSS class."""
        return re.sub(r"\W+", "-", self.title.lower())


def rows_of(findings: Iterable[Finding]) -> list[Row]:
    """A row for each part, always the same ones, so that nothing jumps when one of them is away."""
    found = list(findings)
    rows = []
    for title, checks in PARTS.items():
        own = [one for check in checks for one in found if one.check == check]
        own.sort(key=lambda one: list(Status).index(one.status), reverse=True)  # stable, so that the order above stays
        rows.append(Row(title, tuple(own) or (NOT_KNOWN,)))
    return rows


def marked(text: str) -> str:
    """Plain text in Markdown, but for commands between backticks, which are shown as code."""
    pieces = text.split("`")
    return "".join(f"`{piece}`" if number % 2 else _escaped(piece) for number, piece in enumerate(pieces))


def _escaped(piece: str) -> str:
    """``plain`` with the blanks at both ends, which it would take away."""
    core = piece.strip()
    if not core:
        return piece
    return piece[: len(piece) - len(piece.lstrip())] + plain(core) + piece[len(piece.rstrip()) :]
