"""Exports for the tests, and what is in them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from attendance.export.exporter import Wish
from attendance.export.exporter import export as run
from attendance.export.layout import Part
from attendance.export.restore import restore as run_restore
from attendance.export.source import Source
from tests.store_makers import MODEL, after, attempt, person, references

if TYPE_CHECKING:
    from pathlib import Path

    from attendance.domain.model import Person
    from attendance.export.restore import Restored
    from attendance.export.summary import Summary
    from attendance.store.base import Store

EVERYTHING = frozenset(Part)


def quiet(_step: str, _done: int, _total: int | None) -> None:
    """Nobody watches."""


def export(store: Store, folder: Path, *, parts: frozenset[Part] = EVERYTHING, **wish: bool) -> Summary:
    """One export."""
    return run(store, folder, Wish(parts, **wish), quiet)


def restore(store: Store, folder: Path, **wish: bool) -> Restored:
    """One restore."""
    return run_restore(store, folder, quiet, actor="test", **wish)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by its path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def marks(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of every file by its path."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            status = os.lstat(path)
            found[path.relative_to(folder).as_posix()] = status.st_ino, status.st_mtime_ns
    return found


def twin_of(folder: Path) -> Path | None:
    """The second tree of the pictures (``attendance.export.twin``), where there is one."""
    return next(iter(folder.with_name(f".{folder.name}.work").glob("images-*")), None)


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    """The records of a list."""
    text = (folder / name).read_text(encoding="utf-8")
    if name.endswith(".json"):
        found: list[dict[str, Any]] = json.loads(text)
        return found
    return [json.loads(one) for one in text.split("\n")[:-1]]


def check_whole(folder: Path) -> None:
    """Raises ExportError where the folder is not exactly what its manifest says."""
    Source(folder, lambda _done, _total: None)


def fill(store: Store, names: tuple[str, ...] = ("Ada Lovelace", "Grace Hopper", "Émilie du Châtelet")) -> list[Person]:
    """People with three pictures each, two attempts and so one check-in each, an audit and a saved setting."""
    people = []
    for number, name in enumerate(names):
        someone = store.add_person(person(name, external_id=f"n{number}", group="crew"), references(3), MODEL)
        store.settle(attempt(someone, after(number)), 60)
        store.settle(attempt(someone, after(number + 5)), 60)
        people.append(someone)
    store.settle(attempt(None, after(90)), 60)
    store.append_audit("cli:me", "enrol", {"person_id": people[0].person_id, "pictures": 3}, after(1))
    store.append_audit("cli:me", "save-settings", {"version": 1, "ratio": 0.05}, after(2))
    store.keep("settings", "saved", {"values": [{"name": "thresholds.dlib", "value": 0.5}], "change": "c1"})
    store.keep("settings", "saved", {"values": [{"name": "thresholds.dlib", "value": 0.52}], "change": "c2"})
    store.keep("session", "secret-session-token", {"csrf": "secret-csrf-token", "operator": "me"})
    store.keep("operator", "password", {"hash": "secret-password-hash"})
    return people
