"""The people of an export: their pictures, each in its file, and the lists beside them. Who did not change is not read."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from itertools import groupby, islice
from typing import TYPE_CHECKING, TypeVar

from attendance.export.arrange import arranged
from attendance.export.index import File, Known
from attendance.export.layout import IMAGES, PEOPLE, PICTURES, TEMPLATES, picture_path
from attendance.export.lists import Lists, model_path
from attendance.export.names import folder_names
from attendance.export.records import media_of, person_row, picture_row, template_row
from attendance.store.archive import Broken, StoredPicture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from attendance.export.before import Before
    from attendance.export.index import Index, IndexWriter
    from attendance.export.lists import Place
    from attendance.export.metadata import Told
    from attendance.export.stage import Mark, Stage
    from attendance.export.summary import Problems
    from attendance.store.archive import Enrolled, Snapshot, StoredTemplate

_PEOPLE = 100  # people whose templates are held at a time
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

    def write(self) -> None:
        """All of them, a few people at a time, in the order of their ids."""
        everybody = readable(self._snapshot.people(states=False), self._problems)
        named = {found.person.person_id: found.person.name for found in everybody}
        folders = folder_names(named.items())
        self._told.identities = {folders[key]: name for key, name in named.items() if folders[key] != name}
        del named
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

    def _batch(self, people: list[tuple[Enrolled, str, Known | None]], lists: Lists) -> None:
        same = {
            one.person.person_id
            for one, folder, known in people
            if known
            and known.state
            and (known.state, known.folder) == (one.state, folder)
            and known.whole(self._stage.before)
        }
        fresh = [one.person.person_id for one, _, _ in people if one.person.person_id not in same]
        problems = self._problems.total
        made: dict[str, list[StoredTemplate]] = {}
        for template in readable(self._snapshot.templates(fresh), self._problems):
            made.setdefault(template.reference_id, []).append(template)
        trusted = _trusted(((folder, known) for one, folder, known in people if one.person.person_id in fresh), self._stage)
        self._before.trust(trusted)
        references = {file.reference_id: file for file in trusted.values() if file.reference_id}
        pictures = readable(self._snapshot.pictures(fresh, known=references), self._problems)
        groups = groupby(pictures, key=lambda picture: picture.person_id)
        group = next(groups, None)
        entries: list[Known] = []
        for one, folder, known in people:
            person_id = one.person.person_id
            if known is not None and person_id in same:
                entries.append(self._again(known, lists))
                continue
            places: dict[str, Place] = {}
            lists.write(PEOPLE, person_row(one.person, folder), places)
            files: list[File] = []
            if group is not None and group[0] == person_id:
                files = self._pictures(folder, group[1], references, made, lists, places)
                group = next(groups, None)
            entries.append(Known(person_id, one.state, folder, files, places))
        for entry in entries:  # what cannot be read has to be told each time, so it is read each time
            broken = self._problems.total > problems and entry.person_id not in same
            self._writer.add(replace(entry, state=None) if broken else entry)

    def _again(self, known: Known, lists: Lists) -> Known:
        """Somebody who did not change."""
        self._stage.again(f"{IMAGES}/{known.folder}", known.files)
        places = lists.take_over(known.at)
        self._done(lists.count(PICTURES))
        return replace(known, at=places)

    def _pictures(
        self,
        folder: str,
        pictures: Iterable[StoredPicture],
        known: Mapping[str, File],
        made: Mapping[str, list[StoredTemplate]],
        lists: Lists,
        places: dict[str, Place],
    ) -> list[File]:
        """Put one person's pictures in place and tell of them, by index."""
        seen: list[StoredPicture] = []
        media: list[str] = []
        marks: dict[int, Mark] = {}
        parked: dict[int, int] = {}  # where the bytes wait of pictures whose index is not certain yet, by position
        taken: set[int] = set()
        with tempfile.SpooledTemporaryFile(_HELD, "w+b", dir=str(self._stage.root.parent)) as waiting:
            for position, picture in enumerate(pictures):
                seen.append(replace(picture, picture=None))
                media.append(known[picture.reference_id].media if picture.picture is None else media_of(picture))
                index = picture.image_index
                if not picture.older and index is not None and index not in taken:
                    taken.add(index)
                    path = picture_path(folder, index)
                    marks[position] = self._stage.put(path, picture.sha256, picture.size, picture.picture, media[-1])
                else:
                    parked[position] = waiting.tell()
                    waiting.write(picture.picture or b"")
            files = []
            for one in arranged(seen):
                path, picture = picture_path(folder, one.index), one.picture
                if one.position in parked:
                    waiting.seek(parked[one.position])
                    content = waiting.read(picture.size)
                    marks[one.position] = self._stage.put(path, picture.sha256, picture.size, content, media[one.position])
                lists.write(PICTURES, picture_row(one, path, media[one.position]), places)
                for template in made.get(picture.reference_id, ()):
                    self._models[model_path(template.model_id)] = template.model_id
                    row = template_row(template, one.reference_id)
                    lists.write(model_path(template.model_id), row, places, failed=template.embedding is None)
                # Pictures whose place depends on others are read each time.
                reference_id = "" if one.position in parked else picture.reference_id
                mark = marks[one.position]
                name = path.rpartition("/")[2]
                files.append(
                    File(reference_id, name, picture.sha256, picture.size, media[one.position], mark.mtime_ns, mark.inode)
                )
        self._done(lists.count(PICTURES))
        return files


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


def _trusted(people: Iterable[tuple[str, Known | None]], stage: Stage) -> dict[str, File]:
    """The files of these people, by path, that are untouched and still in the right folder."""
    return {
        f"{IMAGES}/{folder}/{file.name}": file
        for folder, known in people
        if known is not None and known.folder == folder
        for file in known.untouched(stage.before)
    }
