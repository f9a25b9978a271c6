"""The versions there are: from git's log and the reports that were committed with each."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from attendance.versions.commits import branch_of, tip_of
from attendance.versions.layout import EVALUATION, EXPORTED, LOCK, POINTER
from attendance.versions.pointers import Change, is_lost, measured, pointer, summary
from attendance.versions.pushing import waiting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attendance.versions.commands import Tools

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the export.

    Attributes:
        commit: that names it.
        at_utc: when it was committed.
        by: who did.
        subject: the commit's first line.
        md5: DVC's digest of the whole folder.
        size_bytes: of the whole folder.
        people, pictures: None where this machine has never had this version.
        counts: what the export counted, by its own names; empty where no report of this version was committed with it.
        change: against the version before; None for the first one, and where this machine lacks one of the two.
        rates: error rates by their names; empty where they were not measured, or of another version than this one.
        pushed: whether it is on the remote, as far as this machine knows.
        first: whether there is none before it.
        lost: whether its files are neither here nor on the remote, as far as can be seen without a network.
    """

    commit: str
    at_utc: datetime
    by: str
    subject: str
    md5: str
    size_bytes: int
    people: int | None
    pictures: int | None
    counts: Mapping[str, int]
    change: Change | None
    rates: Mapping[str, float]
    pushed: bool
    first: bool
    lost: bool


def count(tools: Tools, branch: str = "") -> tuple[int, int]:
    """How many versions there are, and how many of them wait to be pushed.

    Raises:
        ExportError: git or DVC is missing, or this is no repository.
    """
    tools.ready()
    branch = branch_of(tools, branch)
    tip = tip_of(tools, branch)
    if tip is None:
        return 0, 0
    return int(tools.git("rev-list", "--count", tip, "--", POINTER)), len(waiting(tools, branch, [POINTER]))


def versions(tools: Tools, branch: str = "", *, limit: int = SHOWN, skip: int = 0) -> list[Version]:
    """The newest first, at most ``limit`` of them after the first ``skip``.

    Raises:
        ExportError: as ``count``.
    """
    tools.ready()
    branch = branch_of(tools, branch)
    tip = tip_of(tools, branch)
    if tip is None:
        return []
    which = [f"-{limit + 1}", f"--skip={skip}"]
    log = tools.git("log", *which, "--format=%H%x00%aI%x00%an%x00%s", tip, "--", POINTER)
    commits = [line.split("\0") for line in log.splitlines()]
    files = _files(tools, [name for name, *_ in commits])
    left = set(waiting(tools, branch, [POINTER]))
    held = [pointer(files.get((name, POINTER), "")) for name, *_ in commits]
    found = []
    for number, (name, at, by, subject) in enumerate(commits[:limit]):
        one, before = held[number], held[number + 1] if number + 1 < len(held) else None
        if one is None:  # this commit took the export out of git
            continue
        told = summary(tools.root, one.md5, before.md5 if before else None)
        text = files.get((name, EXPORTED), "")
        counted = told is None or told.metadata in {None, hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}
        of = measured(files.get((name, LOCK), ""))
        found.append(
            Version(
                commit=name,
                at_utc=datetime.fromisoformat(at).astimezone(UTC),
                by=by,
                subject=subject,
                md5=one.md5,
                size_bytes=one.size_bytes,
                people=told.people if told else None,
                pictures=told.pictures if told else None,
                counts=_numbers(text, "counts") if counted else {},
                change=told.change if told else None,
                rates=_numbers(files.get((name, EVALUATION), ""), "") if of in {None, one.md5} else {},
                pushed=name not in left,
                first=number + 1 == len(commits),
                lost=is_lost(tools.root, one.md5),
            )
        )
    return found


def _files(tools: Tools, commits: Sequence[str]) -> dict[tuple[str, str], str]:
    """The pointer, the reports and dvc.lock of every commit, in one call of git."""
    asked = [(name, path) for name in commits for path in (POINTER, EXPORTED, EVALUATION, LOCK)]
    if not asked:
        return {}
    said = "".join(f"{name}:{path}\n" for name, path in asked)
    rest = tools.git("cat-file", "--batch", said=said).encode()
    found = {}
    for one in asked:
        header, _, rest = rest.partition(b"\n")
        words = header.split(b" ")
        if len(words) == 3 and words[1] == b"blob":
            size = int(words[2])
            found[one] = rest[:size].decode(errors="replace")
            rest = rest[size + 1 :]
    return found


def _numbers(text: str, group: str) -> dict[str, Any]:
    """The numbers of a JSON report, of one of its groups where that is named."""
    try:
        held = json.loads(text)
        held = held[group] if group else held
        return {
            name: value for name, value in held.items() if isinstance(value, int | float) and not isinstance(value, bool)
        }
    except (ValueError, KeyError, AttributeError, TypeError):
        return {}
