"""One export from beginning to end: built beside the folder, compared with what is there, and put in its place."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import structlog

from attendance.errors import ExportError
from attendance.export.before import Before
from attendance.export.entries import write_attendance, write_rest
from attendance.export.index import Index, IndexWriter
from attendance.export.layout import IMAGES, MANIFEST, METADATA, PEOPLE, Part, line, part_of
from attendance.export.manifest import manifest_lines
from attendance.export.metadata import Told
from attendance.export.people import PeopleWriter
from attendance.export.place import Place
from attendance.export.sorting import SortedLines
from attendance.export.stage import Stage, private
from attendance.export.summary import Difference, Problems, Summary, difference
from attendance.export.swap import flushing
from attendance.export.twin import adopt, renew
from attendance.export.writing import helper

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from attendance.store.archive import Snapshot
    from attendance.store.base import Store

    Progress = Callable[[str, int, int | None], None]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for.

    Attributes:
        parts: what to take from the store; other parts that the folder holds stay as they are.
        dry_run: tell what would change, and change nothing.
        verify: trust nothing that is known from before: read every picture and every file again.
    """

    parts: Collection[Part] = frozenset(Part)
    dry_run: bool = False
    verify: bool = False


def export(store: Store, folder: Path, wish: Wish, progress: Progress) -> Summary:
    """Bring a folder up to date with a store.

    Args:
        store: only read.
        folder: made where it is missing.
        wish: which parts, and how.
        progress: told the step, how much of it is done, and how much there is.

    Raises:
        ExportError: the folder is no export, or another process does not finish with it.
        StoreError: the store cannot be read; the folder is as it was.
        OSError: it cannot be written, such as for a full disk; the folder is as it was.
    """
    place = Place(folder)
    with place.locked(lambda: progress("Waiting for another export of this folder", 0, None)):
        before = Before(place.folder, None if wish.verify else Index.of(place))
        with (
            SortedLines(place.work) as listed,
            store.snapshot() as snapshot,
            closing(IndexWriter(place)) as writer,
            ExitStack() as helpers,
        ):
            stage = Stage(
                place.begin(),
                place.folder,
                before.same,
                listed,
                lambda: helper(helpers, place.lock, place.first_twin()),
                writes=not wish.dry_run,
            )
            run = _Run(snapshot, stage, before, writer, wish, progress, place)
            if not run.records():
                with flushing(stage.root):
                    run.pictures(store.count_references)
                run.rest()
            summary = run.summary(place.folder)
            if summary.changed and not wish.dry_run:
                place.publish()
                _log.info("exported", folder=str(place.folder), **summary.counts)
            if run.complete and not wish.dry_run:
                with suppress(OSError):  # such as without hard links; then there is none
                    renew(place)
                with suppress(OSError):  # the export is there; without an index the next one reads everything
                    writer.finish(stage.lists, place.manifest(place.folder))
            place.recover()
    return summary


class _Run:
    """One export's steps.

    Attributes:
        complete: whether everything was looked at, so that an index of it can be kept.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        stage: Stage,
        before: Before,
        writer: IndexWriter,
        wish: Wish,
        progress: Progress,
        place: Place,
    ) -> None:
        self._place = place
        self._snapshot = snapshot
        self._stage = stage
        self._before = before
        self._writer = writer
        self._wish = wish
        self._progress = progress
        self._problems = Problems()
        self._told = Told()
        self.complete = False

    def records(self) -> bool:
        """Write everything but the people; True where all of the export is as it was, and nothing is left to do."""
        if Part.ATTENDANCE in self._wish.parts:
            self._progress("Attendance and attempts", 0, None)
            self._told.counts.update(write_attendance(self._snapshot, self._stage, self._problems))
        if Part.REST in self._wish.parts:
            self._progress("Settings and audit", 0, None)
            self._told.counts.update(write_rest(self._snapshot, self._stage, self._problems))
        if Part.IMAGES in self._wish.parts:
            for lost in self._snapshot.strays():
                self._problems.add(lost)
        if self._stage.written or self._before.index is None or self._wish.parts != frozenset(Part):
            return False
        return self._same_people(self._before.index)

    def _same_people(self, index: Index) -> bool:
        """Whether nobody changed, in the store or in the folder: first what is quick to see."""
        known = index.people()
        for person_id, state in self._snapshot.states():
            one = next(known, None)
            if state is None or one is None or (one.person_id, one.state) != (person_id, state):
                return False
        if next(known, None) is not None:
            return False
        folders = 0
        for one in index.people():
            if not one.whole(self._before.folder):
                return False
            folders += bool(one.count)
        with os.scandir(self._before.folder / IMAGES) as found:
            return [entry.is_dir(follow_symlinks=False) for entry in found] == [True] * folders

    def pictures(self, count: Callable[[], int]) -> None:
        """Write the people, or take over those that are there where they were not asked for."""
        if Part.IMAGES in self._wish.parts:
            if self._before.index is not None and not self._wish.dry_run:
                self._stage.adopted = adopt(self._place, self._stage.root / IMAGES)
            total = count()
            self._stage.hurry(total)
            self._progress("Pictures", 0, total)
            PeopleWriter(
                self._snapshot,
                self._stage,
                self._problems,
                self._told,
                self._before,
                self._writer,
                lambda done: self._progress("Pictures", done, total),
            ).write()
            self.complete = True

    def rest(self) -> None:
        """Take over the parts that were not asked for; then write what the export says of itself: no connection string, no
        host and no clock, so that equal data are equal bytes.
        """
        if self._wish.parts != frozenset(Part):
            for known in self._before.files():
                part = part_of(known.path)
                if part is not None and part not in self._wish.parts:
                    if not self._before.whole(known):
                        raise ExportError(f"{known.path} of the export before is damaged; export everything: --export-all.")
                    self._stage.take_over(known.path, known.sha256, known.size, known.media)
        self._told.keep(self._before.metadata(), self._before.identities, self._wish.parts)
        stage, told = self._stage, self._told
        with stage.writing(METADATA) as file:
            digests = {path: sha256 for path, (sha256, _) in stage.lists.items()}
            file.write(f"{line(told.as_dict(digests))}\n".encode())
        with open(stage.root / MANIFEST, "wb", opener=private) as out:
            out.writelines(f"{text}\n".encode() for text in manifest_lines(stage.listed, told.identities))

    def summary(self, folder: Path) -> Summary:
        """What changed."""
        root, there = self._stage.root, (folder / MANIFEST).exists()
        built = (root / MANIFEST).exists()
        same = there and (not built or self._place.manifest(folder) == self._place.manifest(root))
        return Summary(
            folder=folder,
            dry_run=self._wish.dry_run,
            changed=not same or self._stage.written > 0 or self._has_strangers(folder),
            people=Difference() if same else difference(_people(folder), _people(root), _person_id),
            pictures=Difference() if same else difference(_pictures(folder), _pictures(root), _path),
            counts=self._told.counts if built else self._before.metadata()["counts"],
            files_written=self._stage.written,
            repaired=self._before.repaired,
            problems=self._problems,
        )

    def _has_strangers(self, folder: Path) -> bool:
        """Whether there is anything else than should be there."""
        root, exact = self._stage.root, self._stage.adopted
        if self._wish.dry_run or not (root / MANIFEST).exists():
            return False
        return any(one != other for one, other in zip_longest(_entries(folder, exact=exact), _entries(root, exact=exact)))


def _entries(folder: Path, *, exact: bool) -> Iterator[tuple[str, int]]:
    """The names of all files and folders in some order; with the files' inodes, where what is the same is the same file."""
    folders = [os.fspath(folder)]
    while folders:
        top = folders.pop()
        with os.scandir(top) as found:
            for entry in sorted(found, key=lambda one: one.name):
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder:
                    folders.append(entry.path)
                is_linked = exact and not is_folder and entry.name != MANIFEST  # which is written each time
                yield entry.name, entry.inode() if is_linked else 0


def _people(folder: Path) -> Iterator[bytes]:
    """Each person's line."""
    if (folder / MANIFEST).exists() and (folder / PEOPLE).exists():
        with (folder / PEOPLE).open("rb") as file:
            yield from file


def _person_id(text: bytes) -> str:
    return str(json.loads(text)["person_id"])


def _pictures(folder: Path) -> Iterator[bytes]:
    """Each picture's entry in the manifest, where the metadata's follows; both manifests are written in the same way."""
    head = f'"{IMAGES}/'.encode()
    if (folder / MANIFEST).exists():
        with (folder / MANIFEST).open("rb") as file:
            yield from (text for text in file if text.startswith(head))


def _path(text: bytes) -> bytes:
    """Of an entry, as it is sorted: with the quotation mark before it."""
    return text.partition(b'":{')[0]
