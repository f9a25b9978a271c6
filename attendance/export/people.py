"""The people of an export: their pictures, each in its file, and the lists beside them. Who did not change is not read."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, TypeVar

from attendance.errors import StoreUnavailableError
from attendance.export.arrange import arranged
from attendance.export.index import File, Known
from attendance.export.layout import IMAGES, PEOPLE, PICTURES, TEMPLATES, line, picture_path
from attendance.export.lists import Lists, model_path
from attendance.export.names import folder_names
from attendance.export.records import media_of, person_row, picture_line, template_line
from attendance.export.writing import DamagedContentError
from attendance.store.archive import Broken, StoredPicture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from attendance.export.arrange import Arranged
    from attendance.export.before import Before
    from attendance.export.index import Index, IndexWriter
    from attendance.export.lists import Place
    from attendance.export.metadata import Told
    from attendance.export.scribe import Mark
    from attendance.export.stage import Stage
    from attendance.export.summary import Problems
    from attendance.store.archive import Enrolled, Snapshot, StoredTemplate

_PEOPLE = 100  # people whose templates are held at a time
_TRIES = 20  # to read somebody who is being changed
_Placed = tuple[File, "Mark | int"]  # a file without its mark, and that, or its number among those to come
_HELD = 8_000_000  # bytes of one person's older pictures held in memory; more wait in a file
Record = TypeVar("Record")


def readable(records: Iterable[Record | Broken], problems: Problems) -> Iterator[Record]:
    """Those that can be read; the others are told."""
    for record in records:
        if isinstance(record, Broken):
            problems.add(record)
        else:
            yield record


class PeopleWriter:
    """Writes people, pictures and templates of one snapshot.

    Args:
        told: what the export says of itself; gets the counts, models and identities.
        before: the export that is there.
        writer: of the index for the next time.
        done: told how many pictures are in place.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        stage: Stage,
        problems: Problems,
        told: Told,
        before: Before,
        writer: IndexWriter,
        done: Callable[[int], None],
    ) -> None:
        self._snapshot = snapshot
        self._stage = stage
        self._problems = problems
        self._told = told
        self._before = before
        self._writer = writer
        self._done = done
        self._models: dict[str, str] = {}
        self._placed = 0
        self._broken: set[str | None] = set()  # people of whom something cannot be read

    def write(self) -> None:
        """All of them, a few people at a time, in the order of their ids."""
        everybody = readable(self._snapshot.people(states=False), self._problems)
        folders = folder_names((found.person.person_id, found.person.name) for found in everybody)
        self._stage.folder(IMAGES)
        self._stage.folder(TEMPLATES)
        self._models = {model_path(model): model for model in self._before.models()}
        readable_people = (one for one in self._snapshot.people() if not isinstance(one, Broken))
        # Who came meanwhile comes with the next export.
        people = (one for one in readable_people if one.person.person_id in folders)
        known = InStep(self._before.index)
        with Lists(self._stage, self._before.folder) as lists:
            lists.open(PEOPLE)
            lists.open(PICTURES)
            while batch := list(islice(people, _PEOPLE)):
                self._batch([(one, folders[one.person.person_id], known.of(one.person.person_id)) for one in batch], lists)
            self._told.counts.update(people=lists.count(PEOPLE), pictures=lists.count(PICTURES))
            self._told.models = lists.models(self._models)
        self._stage.prune(IMAGES)

    def _batch(self, people: list[tuple[Enrolled, str, Known | None]], lists: Lists) -> None:
        same = {
            one.person.person_id
            for one, folder, known in people
            if known
            and known.state
            and (known.state, known.folder) == (one.state, folder)
            and known.whole(self._stage.pictures)
        }
        fresh = self._fresh([one for one in people if one[0].person.person_id not in same])
        for one, folder, known in people:
            if known is not None and one.person.person_id in same:
                self._stage.again(known)
                self._in_place(known.count)
                lists.take_over(known.at)
                self._keep(known)
            elif (read := fresh.get(one.person.person_id)) is not None:
                places = self._tell(read, folder, lists)
                # What cannot be read has to be told each time, so it is read each time.
                state = None if one.person.person_id in self._broken else one.state
                self._keep(Known.of(one.person.person_id, state, folder, read.files, places))
                one = read.one  # noqa: PLW2901 - as it was read in the end
            else:
                continue
            if one.person.name != folder:
                self._told.identities[folder] = one.person.name

    def _keep(self, known: Known) -> None:
        """Name somebody's pictures in the manifest and the index."""
        if known.count:
            self._stage.listed.add(known.entries, known.count)
        self._writer.add(known)

    def _fresh(self, people: list[tuple[Enrolled, str, Known | None]]) -> dict[str, _Read]:
        """Read these people, put their pictures in place; who changes meanwhile is read again, who is removed left out."""
        found: dict[str, _Read] = {}
        waiting = people
        for _ in range(_TRIES):
            if not waiting:
                return found
            found.update(self._read(waiting))
            changed = self._snapshot.changed([one for one, _, _ in waiting])
            of = {one.person.person_id: (folder, known) for one, folder, known in waiting}
            waiting = []
            for person_id, now in changed.items():
                self._in_place(-len(found.pop(person_id).files))
                self._stage.clear(f"{IMAGES}/{of[person_id][0]}")
                if isinstance(now, Broken):
                    self._problems.add(now)
                elif now is not None:
                    waiting.append((now, *of[person_id]))
        raise StoreUnavailableError("People are being changed faster than they can be read; try again.", reason="busy")

    def _in_place(self, more: int) -> None:
        self._placed += more
        self._done(self._placed)

    def _read(self, people: list[tuple[Enrolled, str, Known | None]]) -> dict[str, _Read]:
        placed, written = self._placed, self._stage.written
        try:
            return self._read_once(people, checked=not self._stage.is_helped)
        except DamagedContentError:  # which one, the store can tell
            for _, folder, _ in people:
                self._stage.clear(f"{IMAGES}/{folder}")
            self._stage.go_alone(written)
            self._in_place(placed - self._placed)
            return self._read_once(people, checked=True)

    def _read_once(self, people: list[tuple[Enrolled, str, Known | None]], *, checked: bool) -> dict[str, _Read]:
        ids = [one.person.person_id for one, _, _ in people]
        broken: list[Broken] = []
        made: dict[str, list[StoredTemplate]] = {}
        for template in _sorted_out(self._snapshot.templates(ids), broken):
            made.setdefault(template.reference_id, []).append(template)
        trusted = _trusted(((folder, known) for _, folder, known in people), self._stage)
        self._before.trust(trusted)
        if self._stage.adopted:
            for _, folder, _ in people:
                self._stage.clear(f"{IMAGES}/{folder}")
        references = {file.reference_id: file for file in trusted.values() if file.reference_id}
        pictures = _sorted_out(self._snapshot.pictures(ids, known=references, checked=checked), broken)
        groups = groupby(pictures, key=lambda picture: picture.person_id)
        group = next(groups, None)
        found: list[tuple[Enrolled, list[Arranged], list[_Placed]]] = []
        for one, folder, _ in people:
            arrangement: list[Arranged] = []
            placed: list[_Placed] = []
            if group is not None and group[0] == one.person.person_id:
                arrangement, placed = self._pictures(folder, group[1], references)
                group = next(groups, None)
            self._in_place(len(placed))
            found.append((one, arrangement, placed))
        marks = self._stage.marks()
        for lost in broken:
            self._problems.add(lost)
            self._broken.add(lost.person_id)
        read = {}
        for one, arrangement, placed in found:
            files = [file.marked(marks[mark] if isinstance(mark, int) else mark) for file, mark in placed]
            templates = {picture.picture.reference_id: made.get(picture.picture.reference_id, ()) for picture in arrangement}
            read[one.person.person_id] = _Read(one, arrangement, files, templates)
        return read

    def _pictures(
        self, folder: str, pictures: Iterable[StoredPicture], known: Mapping[str, File]
    ) -> tuple[list[Arranged], list[_Placed]]:
        """Put one person's pictures in place; by index."""
        seen: list[StoredPicture] = []
        media: list[str] = []
        marks: dict[int, Mark | int] = {}
        parked: dict[int, int] = {}  # where the bytes wait of pictures whose index is not certain yet, by position
        taken: set[int] = set()
        with tempfile.SpooledTemporaryFile(_HELD, "w+b", dir=str(self._stage.root.parent)) as waiting:
            for position, picture in enumerate(pictures):
                seen.append(StoredPicture(*picture[:-1], None))  # without the bytes
                media.append(known[picture.reference_id].media if picture.picture is None else media_of(picture))
                index = picture.image_index
                if not picture.older and index is not None and index not in taken:
                    taken.add(index)
                    marks[position] = self._stage.place(picture_path(folder, index), picture.sha256, picture.picture)
                else:
                    parked[position] = waiting.tell()
                    waiting.write(picture.picture or b"")
            placed = []
            found = arranged(seen)
            for one in found:
                path, picture = picture_path(folder, one.index), one.picture
                if one.position in parked:
                    waiting.seek(parked[one.position])
                    marks[one.position] = self._stage.place(path, picture.sha256, waiting.read(picture.size))
                # Pictures whose place depends on others are read each time.
                reference_id = "" if one.position in parked else picture.reference_id
                name = path.rpartition("/")[2]
                file = File(reference_id, name, picture.sha256, picture.size, media[one.position], 0, 0)
                placed.append((file, marks[one.position]))
        return found, placed

    def _tell(self, read: _Read, folder: str, lists: Lists) -> dict[str, Place]:
        """Name one person with all pictures in the lists; where the lines are."""
        pictures: list[str] = []
        templates: dict[str, list[str]] = {}  # by list
        failed: Counter[str] = Counter()
        for one, file in zip(read.pictures, read.files, strict=True):
            pictures.append(picture_line(one, f"{IMAGES}/{folder}/{file.name}", file.media))
            for template in read.templates[one.picture.reference_id]:
                name = model_path(template.model_id)
                self._models[name] = template.model_id
                templates.setdefault(name, []).append(template_line(template, one.reference_id))
                failed[name] += template.embedding is None
        places = {PEOPLE: lists.write(PEOPLE, [line(person_row(read.one.person, folder))])}
        if pictures:
            places[PICTURES] = lists.write(PICTURES, pictures)
        for name, texts in templates.items():
            places[name] = lists.write(name, texts, failed=failed[name])
        return places


@dataclass(frozen=True, slots=True)
class _Read:
    """One person of one moment; pictures and files are of one order."""

    one: Enrolled
    pictures: list[Arranged]
    files: list[File]
    templates: Mapping[str, Sequence[StoredTemplate]]


class InStep:
    """What is known of people, asked for by ascending ids."""

    def __init__(self, index: Index | None) -> None:
        self._people = iter(()) if index is None else index.people()
        self._next = next(self._people, None)

    def of(self, person_id: str) -> Known | None:
        """Of this one; ids below are passed over."""
        while self._next is not None and self._next.person_id < person_id:
            self._next = next(self._people, None)
        return self._next if self._next is not None and self._next.person_id == person_id else None


def _sorted_out(records: Iterable[Record | Broken], broken: list[Broken]) -> Iterator[Record]:
    """Those that can be read; the others are added to the list."""
    for record in records:
        if isinstance(record, Broken):
            broken.append(record)
        else:
            yield record


def _trusted(people: Iterable[tuple[str, Known | None]], stage: Stage) -> dict[str, File]:
    """The files of these people, by path, that are untouched and still in the right folder."""
    return {
        f"{IMAGES}/{folder}/{file.name}": file
        for folder, known in people
        if known is not None and known.folder == folder
        for file in known.untouched(stage.before)
    }
