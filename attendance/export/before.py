"""The export that is there before the next one: what may be used again of it, and whether it is one at all."""

from __future__ import annotations

import json
import os
import stat
from functools import cached_property
from typing import TYPE_CHECKING, Any

from attendance.errors import ExportError
from attendance.export.layout import FILES, IMAGES, MANIFEST, METADATA, TEMPLATES
from attendance.export.manifest import Listed, read_identities, read_manifest
from attendance.export.stage import file_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from attendance.export.index import File, Index

_KNOWN = {MANIFEST, METADATA, *(name.rstrip("/") for names in FILES.values() for name in names)}
IGNORED = {".DS_Store", "Thumbs.db", "desktop.ini"}  # what file managers leave; goes with the next export


class Before:
    """The files of an export.

    Args:
        folder: may be missing, empty, an export of this app, or one of an older app, which has no manifest.
        index: what is known of its files; None: they are read.

    Raises:
        ExportError: the folder holds something else, which the next export would take away.
    """

    def __init__(self, folder: Path, index: Index | None) -> None:
        self.folder = folder
        self.index = index
        self.repaired: list[str] = []
        self._checked: dict[str, bool] = {}
        self._trusted: Mapping[str, File] = {}
        if folder.exists():
            _refuse_strangers(folder)

    @cached_property
    def listed(self) -> dict[str, Listed]:
        """Every file by its path."""
        if not (self.folder / MANIFEST).exists():
            return {}
        return {entry.path: entry for entry in read_manifest(self.folder)}

    def trust(self, files: Mapping[str, File]) -> None:
        """Pictures that are known to be untouched, by path, until the next call."""
        self._trusted = files

    def same(self, path: str, sha256: str) -> bool:
        """Whether the file of this path is a regular one with this content; read, where there is no index."""
        if self.index is not None:
            file = self._trusted.get(path)
            return (file.sha256 if file is not None else self.index.files.get(path, ("",))[0]) == sha256
        return self._read(path, sha256)

    def whole(self, known: Listed) -> bool:
        """Whether a listed file is what it was; read, where there is no index that knows it."""
        if self.index is not None and known.path in self.index.files:
            return self.index.files[known.path][0] == known.sha256
        return self._read(known.path, known.sha256)

    def _read(self, path: str, sha256: str) -> bool:
        known = self.listed.get(path)
        if known is None or known.sha256 != sha256:
            return False
        if path not in self._checked:
            self._checked[path] = self._is_whole(known)
            if not self._checked[path]:
                self.repaired.append(path)
        return self._checked[path]

    def _is_whole(self, known: Listed) -> bool:
        path = self.folder / known.path
        try:
            status = os.lstat(path)
            return stat.S_ISREG(status.st_mode) and status.st_size == known.size and file_digest(path) == known.sha256
        except OSError:
            return False

    def metadata(self) -> dict[str, Any]:
        """What it says of itself; empty where there is none of this app."""
        if not (self.folder / MANIFEST).exists():
            return {}
        try:
            found = json.loads((self.folder / METADATA).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def identities(self) -> dict[str, str]:
        """The people whose folders have other names than they, by folder."""
        return read_identities(self.folder) if (self.folder / MANIFEST).exists() else {}

    def models(self) -> list[str]:
        """Whose templates it has."""
        return [str(one.get("model_id")) for one in self.metadata().get("models", [])]

    def files(self) -> Iterator[Listed]:
        """All of them, by path."""
        return iter(self.listed.values())


def _refuse_strangers(folder: Path) -> None:
    if not folder.is_dir():
        raise ExportError(f"{folder} is no folder.")
    strangers = sorted({path.name for path in folder.iterdir()} - _KNOWN - IGNORED)
    if strangers:
        raise ExportError(
            f"{folder} holds {strangers[0]}, which is not of an export. Choose another --output-dir: an export takes its "
            "whole folder."
        )
    for top in (IMAGES, TEMPLATES):
        if (folder / top).is_symlink():
            raise ExportError(f"{folder / top} is a link; an export takes a folder of its own.")
