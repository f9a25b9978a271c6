"""What DVC writes: the pointer to a folder, and the list of the folder's files in the cache. Read without running DVC."""

from __future__ import annotations

import configparser
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import yaml

from attendance.versions.layout import EXPORT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PICTURES = "images/"  # of the export: images/<identity>/<identity>_<index>.jpg


@dataclass(frozen=True, slots=True)
class Pointer:
    """A ``.dvc`` file of a folder.

    Attributes:
        md5: of the list of its files, ending in ``.dir``.
        size_bytes, files: of the folder.
    """

    md5: str
    size_bytes: int
    files: int


@dataclass(frozen=True, slots=True)
class Change:
    """What is different from the version before: people by their folders, pictures by their bytes."""

    people_added: int
    people_changed: int
    people_removed: int
    pictures_added: int
    pictures_changed: int
    pictures_removed: int


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of a version: path and digest."""

    files: Mapping[str, str]

    @property
    def pictures(self) -> dict[str, str]:
        """Those that are pictures of people."""
        return {path: md5 for path, md5 in self.files.items() if path.startswith(PICTURES) and path.count("/") == 2}

    @property
    def people(self) -> set[str]:
        """Their folders' names."""
        return {path.split("/")[1] for path in self.pictures}

    def since(self, before: Contents) -> Change:
        """What changed from ``before`` to this one."""
        new, old = self.pictures, before.pictures
        added, removed = new.keys() - old.keys(), old.keys() - new.keys()
        changed = {path for path in new.keys() & old.keys() if new[path] != old[path]}
        touched = {path.split("/")[1] for path in added | removed | changed}
        return Change(
            len(self.people - before.people),
            len(touched & self.people & before.people),
            len(before.people - self.people),
            len(added),
            len(changed),
            len(removed),
        )


def pointer(text: str) -> Pointer | None:
    """The pointer that a ``.dvc`` file holds; None where it is none of a folder."""
    try:
        out = yaml.safe_load(text)["outs"][0]
        return Pointer(str(out["md5"]), int(out.get("size", 0)), int(out.get("nfiles", 0)))
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError):
        return None


@lru_cache(maxsize=1024)
def measured(text: str) -> str | None:
    """The digest of the folder that a ``dvc.lock`` says was measured last; None where it does not say."""
    try:
        stages = yaml.safe_load(text)["stages"]
        return next(str(one["md5"]) for one in stages["validate"]["deps"] if one["path"] == EXPORT)
    except (yaml.YAMLError, KeyError, TypeError, StopIteration):
        return None


@dataclass(frozen=True, slots=True)
class Summary:
    """How much a version holds, the digest of its metadata.json, None where it has none, and what is different from the one
    before; None where this machine lacks that one.
    """

    people: int
    pictures: int
    metadata: str | None
    change: Change | None


def contents(root: Path, md5: str) -> Contents | None:
    """The files of a version, None where its list is not in this machine's cache: `dvc fetch` brings it."""
    try:
        entries = json.loads(_object(cache(root), md5).read_bytes())
        return Contents({str(entry["relpath"]): str(entry["md5"]) for entry in entries})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def summary(root: Path, md5: str, before: str | None) -> Summary | None:
    """Of a version and the one before; None where its list is not in this machine's cache. Both are read once in a process:
    a list of 50,000 files takes a fifth of a second, and never changes, since its name is its digest.
    """
    key = (root, md5, before)
    if key not in _known:
        now = contents(root, md5)
        if now is None:
            return None
        old = contents(root, before) if before else None
        change = now.since(old) if old is not None else None
        found = Summary(len(now.people), len(now.pictures), now.files.get("metadata.json"), change)
        if before and old is None:
            return found  # it may be pulled later
        _known[key] = found
    return _known[key]


_known: dict[tuple[Path, str, str | None], Summary] = {}


def is_lost(root: Path, md5: str) -> bool:
    """Whether a version's list is neither in this machine's cache nor on the remote, where that is a folder that is there;
    what another remote has is not known without asking it.
    """
    if _object(cache(root), md5).exists():
        return False
    settings = _settings(root)
    name = settings.get("core", "remote", fallback="")
    url = settings.get(f"'remote \"{name}\"'", "url", fallback="")
    if not url or "://" in url:
        return False
    remote = (root / ".dvc" / url).resolve()
    return (remote / "files").is_dir() and not _object(remote, md5).exists()


def cache(root: Path) -> Path:
    """DVC's cache of this repository, as its settings say."""
    return (root / ".dvc" / _settings(root).get("cache", "dir", fallback="cache")).resolve()


def _object(store: Path, md5: str) -> Path:
    return store / "files" / "md5" / md5[:2] / md5[2:]


def _settings(root: Path) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None)
    for name in ("config", "config.local"):
        try:
            found.read_string((root / ".dvc" / name).read_text(encoding="utf-8"))
        except (OSError, configparser.Error):
            continue
    return found
