"""What was found out about pictures, kept in a file from one run to the next, so that a picture is looked at once.

A file belongs to what the answers depend on beside the picture, so its name has to hold that. A line is the picture's
SHA-256 and the answer as JSON. Of pictures that were not asked about in a run nothing is kept after it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from typing import IO, TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray


class Answers:
    """Use it as a context. A file that cannot be read or written is as good as none.

    Args:
        path: the file; its folder is made, for this account alone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Any] = {}
        self._asked: set[str] = set()
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._path.exists():
                with self._path.open(encoding="utf-8", errors="replace") as lines:
                    self._known = dict(found for line in lines if (found := _entry(line)) is not None)
            self._file = open(self._path, "a", encoding="utf-8", opener=_private)
            self._file.write("\n")  # after a run that was killed within a line
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            if self._file is not None:
                self._file.close()
            if kind is None:
                self._keep_what_was_asked()

    def of(self, picture: bytes, ask: Callable[[], Any]) -> Any:
        """The answer about a picture, a value of JSON's; asked where it is not known."""
        digest = hashlib.sha256(picture).hexdigest()
        self._asked.add(digest)
        if digest not in self._known:
            self._known[digest] = ask()
            if self._file is not None:
                with contextlib.suppress(OSError):
                    self._file.write(f"{json.dumps([digest, self._known[digest]])}\n")
        return self._known[digest]

    def _keep_what_was_asked(self) -> None:
        """Without the rest, which may be of people who were removed."""
        if self._known.keys() == self._asked:
            return
        part = self._path.with_name(f"{self._path.name}.part")
        with open(part, "w", encoding="utf-8", opener=_private) as file:
            file.writelines(f"{json.dumps([digest, self._known[digest]])}\n" for digest in sorted(self._asked))
        part.replace(self._path)


def packed(embedding: NDArray[np.float32]) -> dict[str, str]:
    """A template as a value of JSON's, bit by bit."""
    return {"embedding": base64.b64encode(np.ascontiguousarray(embedding, "<f4").tobytes()).decode("ascii")}


def unpacked(answer: dict[str, str]) -> NDArray[np.float32]:
    """The template back."""
    return np.frombuffer(base64.b64decode(answer["embedding"]), "<f4").astype(np.float32)


def _entry(line: str) -> tuple[str, Any] | None:
    try:
        digest, answer = json.loads(line)
    except (ValueError, TypeError):
        return None
    return (digest, answer) if isinstance(digest, str) else None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
