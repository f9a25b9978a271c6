"""A second tree of the pictures, so that an export costs what changed and not a new name for each picture that stays.

It lies in the workplace as ``images-DIGEST``, after the digest of the manifest of the export that it belongs to, and holds
nothing but second names (hard links) of the very files in that export. The next export takes it for the pictures of its own,
puts right what is different, and swaps it with the folder's; the tree that was there is brought up to date in its turn,
before the export says that it is done. Without it every picture gets its name anew; nothing else depends on it.

In a project of DVC there is none: `dvc add` takes a file with two names for a link of its own, and puts a copy in its place,
so that each night all pictures would be copied, and the next export would find none that it knows.
"""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

from attendance.export.layout import FOLDER_MODE, IMAGES

if TYPE_CHECKING:
    from pathlib import Path

    from attendance.export.place import Place


def adopt(place: Place, target: Path) -> bool:
    """Let the twin become the folder ``target``; False where there is none. Whose pictures are in it has yet to be checked:
    that it holds folders, as an export makes them, and nothing else is checked here.
    """
    twin = place.twin()
    if twin is None or not _is_plain(os.lstat(twin)):
        return False
    with os.scandir(twin) as found:
        if not all(_is_plain(entry.stat(follow_symlinks=False)) for entry in found):
            return False
    twin.rename(target)
    return True


def renew(place: Place) -> None:
    """Make the twin of the export that is there, where one is of use, of the tree that it replaced, where nobody reads that.

    Raises:
        OSError: it could not be made, and nothing is left of it.
    """
    images = place.folder / IMAGES
    if place.is_versioned or not images.is_dir():
        return
    tree = place.spare()
    tree.mkdir(mode=FOLDER_MODE, exist_ok=True)
    _follow(os.fspath(tree), os.fspath(images))
    place.keep(tree)


def _follow(tree: str, images: str) -> None:
    """Let one tree of folders hold the same files under the same names as another, and nothing else."""
    theirs = _inodes(images)
    for name in _inodes(tree).keys() - theirs.keys():
        _remove(f"{tree}/{name}")
    for name in theirs:
        mine, source = f"{tree}/{name}", f"{images}/{name}"
        if not os.path.isdir(mine) or os.path.islink(mine):  # noqa: PTH112, PTH114 - paths are put together for everybody
            _remove(mine)
            os.mkdir(mine, FOLDER_MODE)  # noqa: PTH102
        held, wanted = _inodes(mine), _inodes(source)
        if held != wanted:
            for file in held.keys() - {one for one in wanted if held.get(one) == wanted[one]}:
                _remove(f"{mine}/{file}")
            for file, inode in wanted.items():
                if held.get(file) != inode:
                    os.link(f"{source}/{file}", f"{mine}/{file}", follow_symlinks=False)


def _inodes(folder: str) -> dict[str, int]:
    """What a folder holds, by name: an inode of one file system is one file."""
    with os.scandir(folder) as found:
        return {entry.name: entry.inode() for entry in found}


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)  # noqa: PTH108


def _is_plain(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode) and status.st_mode & 0o777 == FOLDER_MODE
