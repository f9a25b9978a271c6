"""The next export while it is built: each file is written anew, or is the one that is there already, under a second name.

A file that did not change stays the same file (a hard link), so its times and its inode do; on a file system without hard
links it is a copy with the same times.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from json.encoder import encode_basestring as _quoted
from typing import IO, TYPE_CHECKING

from attendance.export.layout import FILE_MODE, FOLDER_MODE, IMAGES
from attendance.export.scribe import NO_MARK, Mark, mark_of, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from attendance.export.index import Known
    from attendance.export.sorting import SortedLines
    from attendance.export.writing import Writer

_NO_LINKS = {errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS, errno.EACCES}
_PICTURES = f"{IMAGES}/"
MANY = 500  # pictures of a first export, for which a process to help is worth its start


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Stage:
    """A tree of files that becomes an export.

    Args:
        root: an empty folder.
        before: the export that is there, or a path where nothing is.
        same: whether the file of this path there has this digest; asked before it is used again.
        listed: takes a line for each file, for the manifest.
        lists: digest and mark of the files that are no pictures, by path; grows.
        adopted: whether the pictures of the export before are in this tree already (``twin``), to be checked one by one.
        written: how many files are not those that are there; grows.
        helper: starts a process that writes, or gives None.
        writes: False: nothing of the pictures is written, only looked at.
    """

    def __init__(
        self,
        root: Path,
        before: Path,
        same: Callable[[str, str], bool],
        listed: SortedLines,
        helper: Callable[[], Writer | None],
        *,
        writes: bool = True,
    ) -> None:
        self.root = root
        self.before = before
        self._root, self._before = os.fspath(root), os.fspath(before)  # paths are put together for every picture
        self.written = 0
        self.adopted = False
        self.lists: dict[str, tuple[str, Mark]] = {}
        self._same = same
        self.listed = listed
        self._writes = writes
        self._helper = helper
        self._writer: Writer | None = None
        self._folders: set[str] = set()

    @property
    def pictures(self) -> Path:
        """The tree whose pictures ``again`` takes over."""
        return self.root if self.adopted else self.before

    def folder(self, name: str) -> None:
        """Make a folder and those above it, once."""
        if name not in self._folders:
            if above := name.rpartition("/")[0]:
                self.folder(above)
            if self._writes:
                (self.root / name).mkdir(mode=FOLDER_MODE, exist_ok=True)
            self._folders.add(name)

    def take_over(self, path: str, sha256: str, size: int, media: str | None) -> None:
        """One file of the export before, put in its place and named."""
        self.list(path, sha256, size, media)
        mark = self._taken_over(path)
        if not path.startswith(_PICTURES):
            self.lists[path] = sha256, mark

    def clear(self, folder: str) -> None:
        """Take away what was placed in a folder and is not named yet."""
        if self._writes:
            shutil.rmtree(self.root / folder, ignore_errors=True)
        self._folders.discard(folder)

    def prune(self, top: str) -> None:
        """Take away the folders of a folder in which nothing was placed."""
        if self.adopted:
            for path in (self.root / top).iterdir():
                if f"{top}/{path.name}" not in self._folders:
                    shutil.rmtree(path)

    def place(self, path: str, sha256: str, content: bytes | None) -> Mark | int:
        """One file of known content, to be named later; ``content`` is None where the file that is there has it.

        Returns:
            Its mark; where another process writes, its number among ``marks``.
        """
        if content is None or self._same(path, sha256):
            return self._taken_over(path)
        self.folder(path.rpartition("/")[0])
        self.written += 1
        if not self._writes:
            return NO_MARK
        if self._writer is not None:
            return self._writer.write(f"{self._root}/{path}", sha256, content)
        return write_file(f"{self._root}/{path}", content, FILE_MODE)

    def hurry(self, pictures: int) -> None:
        """Let another process check and write the pictures, where none is there and so many are worth it."""
        if pictures >= MANY and self._writes and not self.before.exists():
            self._writer = self._helper()

    @property
    def is_helped(self) -> bool:
        """Whether another process checks and writes what is placed."""
        return self._writer is not None

    def go_alone(self, written: int) -> None:
        """Without another process from now on; so much was written, and nothing later counts."""
        self._writer, self.written = None, written

    def marks(self) -> list[Mark]:
        """By number, of what was placed since this was last called; then all of it is in its place."""
        return [] if self._writer is None else self._writer.marks()

    def list(self, path: str, sha256: str, size: int, media: str | None = None) -> None:
        """Name a file in the manifest."""
        self.listed.add(entry(path, sha256, size, media))

    def again(self, known: Known) -> None:
        """The pictures of somebody of whom nothing changed; they are there, known to be untouched."""
        folder = f"{IMAGES}/{known.folder}"
        if not known.count:
            return
        if self.adopted:
            self._folders.add(folder)
            return
        self.folder(folder)
        if not self._writes:
            return
        with _opened(f"{self._before}/{folder}") as source, _opened(f"{self._root}/{folder}") as target:
            for name in known.names:
                try:
                    os.link(name, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
                except OSError as error:
                    if error.errno not in _NO_LINKS:
                        raise
                    self._reuse(f"{folder}/{name}")

    @contextlib.contextmanager
    def writing(self, path: str) -> Iterator[HashingFile]:
        """A file that is written piece by piece; where it comes out as it was, it stays the file that it was."""
        if "/" in path:
            self.folder(path.rpartition("/")[0])
        target = self.root / path
        target.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        with open(target, "wb", opener=private) as file:
            hashing = HashingFile(file)
            yield hashing
            file.flush()
            mark = mark_of(os.fstat(file.fileno()))
        sha256 = hashing.digest()
        if self._same(path, sha256):
            target.unlink()
            mark = self._reuse(path)
        else:
            self.written += 1
        self.lists[path] = sha256, mark
        self.list(path, sha256, hashing.size)

    def write_lines(self, path: str, lines: Iterable[str]) -> int:
        """A file of lines; how many there were."""
        count = 0
        with self.writing(path) as file:
            for text in lines:
                file.write(f"{text}\n".encode())
                count += 1
        return count

    def _taken_over(self, path: str) -> Mark:
        if "/" in path:
            self.folder(path.rpartition("/")[0])
        return self._reuse(path)

    def _reuse(self, path: str) -> Mark:
        source = f"{self._before}/{path}"
        if not self._writes and "/" in path:
            return NO_MARK
        target = f"{self._root}/{path}"
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            shutil.copy2(source, target, follow_symlinks=False)
        return mark_of(os.lstat(target))


def entry(path: str, sha256: str, size: int, media: str | None) -> str:
    """A file in the manifest, as ``layout.line`` would write it."""
    kind = "" if media is None else f',"type":"{media}"'
    return f'{_quoted(path)}:{{"sha256":"{sha256}","size":{size}{kind}}}'


class HashingFile:
    """A file with the digest of what was written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        """At the end."""
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    def digest(self) -> str:
        """Hexadecimal, of everything so far."""
        return self._hash.hexdigest()


@contextlib.contextmanager
def _opened(folder: str) -> Iterator[int]:
    """The folder's descriptor, so that its path is not walked for every file."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield opened
    finally:
        os.close(opened)


def private(path: str, flags: int) -> int:
    """An opener of files that nobody else may read."""
    return os.open(path, flags, FILE_MODE)
