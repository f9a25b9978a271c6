"""What a restore would do to a store: what is there already, what is missing, and what stands in its way."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from attendance.domain.names import name_key
from attendance.errors import ExportError
from attendance.export.arrange import arranged
from attendance.export.entries import SETTINGS_KIND
from attendance.export.layout import line
from attendance.export.records import attempt_row, audit_row, check_in_row, person_row, setting_row
from attendance.store.archive import Broken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from attendance.domain.model import CheckIn, Person
    from attendance.export.source import Source
    from attendance.store.archive import Snapshot, StoredTemplate

_PEOPLE = 100  # people of the store who are looked at together
_SHOWN = 5  # names in a sentence


@dataclass(slots=True)
class Plan:
    """What there is to do.

    Attributes:
        add: what the export has and the store has not, by what it is; that is what a restore puts back.
        same: what both have.
        only_here: what the store has and the export has not.
        different: what both have under one id, with different contents; the store's stays.
        removed: people of the export who were removed from this store, by name.
        conflicts: why even a merge cannot be done, a sentence each.
        known_pictures: ids of pictures whose bytes the store has under another id; they are not stored twice.
        audit: whether the export's audit goes on where the store's ends.
    """

    add: Counter[str] = field(default_factory=Counter)
    same: Counter[str] = field(default_factory=Counter)
    only_here: Counter[str] = field(default_factory=Counter)
    different: Counter[str] = field(default_factory=Counter)
    removed: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    known_pictures: set[str] = field(default_factory=set)
    audit: bool = True
    active_model: bool = True

    @property
    def is_mixing(self) -> bool:
        """Whether the store holds anything that the export does not, so that the two would be mixed."""
        return bool(self.only_here.total() or self.different.total() or self.removed)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        counts = {name: dict(getattr(self, name)) for name in ("add", "same", "only_here", "different")}
        return {**counts, "removed": self.removed, "conflicts": self.conflicts, "audit_kept": not self.audit}


def compare(source: Source, snapshot: Snapshot) -> Plan:
    """What is in an export against what is in a store; reads all records of both, and no picture of ours.

    Raises:
        ExportError: the export holds records that cannot be, such as two people of one name.
    """
    plan = Plan()
    people = _People(source)
    people.compare(snapshot, plan)
    export = {stored.attempt.attempt_id: _digest(line(attempt_row(stored))) for stored in source.attempts()}
    here = ((stored.attempt.attempt_id, _digest(line(attempt_row(stored)))) for stored in _whole(snapshot.attempts(), plan))
    _tally(plan, "attempts", export, here)
    _check_ins(source, snapshot, plan)
    _settings(source, snapshot, plan)
    _audit(source, snapshot, plan)
    return plan


class _People:
    """The people, pictures and templates of an export by their ids."""

    def __init__(self, source: Source) -> None:
        self.people: dict[str, bytes] = {}
        self.pictures: dict[str, bytes] = {}
        self.templates: dict[str, bytes] = {}
        self._by_bytes: dict[str, list[str]] = {}
        self._names: dict[str, str] = {}
        self._numbers: dict[str, str] = {}
        for one in source.people(with_bytes=False):
            self._take(one.person)
            indexes = {picture.image_index for picture in one.pictures}
            ids = {picture.reference_id for picture in one.pictures}
            if len(indexes) < len(one.pictures) or len(ids) < len(one.pictures) or ids & self.pictures.keys():
                raise ExportError("The export holds two pictures of one id or index.")
            for picture in one.pictures:
                self.pictures[picture.reference_id] = _digest(f"{picture.person_id} {picture.sha256}")
                self._by_bytes.setdefault(picture.sha256, []).append(picture.reference_id)
            for template in one.templates:
                if template.reference_id not in ids:
                    raise ExportError("The export holds a template of no picture.")
                self.templates[_template_key(template, template.reference_id)] = _template_digest(template)

    def _take(self, person: Person) -> None:
        if person.person_id in self.people:
            raise ExportError("The export holds somebody twice.")
        for taken, key in ((self._names, name_key(person.name)), (self._numbers, person.external_id)):
            if key is not None and taken.setdefault(key, person.person_id) != person.person_id:
                raise ExportError(f"The export holds two people of one name or number: {key}.")
        self.people[person.person_id] = _person_digest(person)

    def compare(self, snapshot: Snapshot, plan: Plan) -> None:
        """With everybody in the store."""
        people = _whole(snapshot.people(states=False), plan)
        pictures, templates = dict(self.pictures), dict(self.templates)
        missing = dict(self.people)
        elsewhere: set[str] = set()
        while batch := [one.person for one in islice(people, _PEOPLE)]:
            for person in batch:
                self._person(person, missing.pop(person.person_id, None), plan)
            ids = [person.person_id for person in batch]
            names: dict[str, str] = {}  # a picture's id in the store, and in an export of it
            for _, group in groupby(
                _whole(snapshot.pictures(ids, known=self.pictures), plan), key=lambda picture: picture.person_id
            ):
                for one in arranged(list(group)):
                    names[one.picture.reference_id] = one.reference_id
                    content = _digest(f"{one.picture.person_id} {one.picture.sha256}")
                    _count(plan, "pictures", content, pictures.pop(one.reference_id, None))
                    if one.reference_id not in self.pictures:
                        elsewhere.update(self._by_bytes.get(one.picture.sha256, ()))
                    elif one.picture.older:
                        plan.known_pictures.add(one.reference_id)
            for template in _whole(snapshot.templates(ids), plan):
                key = _template_key(template, names.get(template.reference_id, template.reference_id))
                _count(plan, "templates", _template_digest(template), templates.pop(key, None))
        elsewhere &= pictures.keys()
        plan.known_pictures |= elsewhere
        plan.add.update(people=len(missing), pictures=len(pictures) - len(elsewhere), templates=len(templates))
        plan.removed = sorted(snapshot.removed(sorted(missing)))

    def _person(self, person: Person, here: bytes | None, plan: Plan) -> None:
        _count(plan, "people", _person_digest(person), here)
        for taken, key, what in (
            (self._names, name_key(person.name), "name"),
            (self._numbers, person.external_id, "staff number"),
        ):
            owner = taken.get(key) if key is not None else None
            if owner is not None and owner != person.person_id:
                plan.conflicts.append(f"Somebody else of the export has the {what} of {person.name} in the database.")


def _check_ins(source: Source, snapshot: Snapshot, plan: Plan) -> None:
    def key(record: CheckIn) -> tuple[str, bytes]:
        digest = _digest(line(check_in_row(record)))
        return record.attempt_id or digest.hex(), digest

    export: Counter[tuple[str, bytes]] = Counter()
    for record, count in source.check_ins():
        export[key(record)] += count
    ids = {name for name, _ in export}
    for record in _whole(snapshot.check_ins(), plan):
        found = key(record)
        if export[found] > 0:
            export[found] -= 1
            plan.same["attendance"] += 1
        elif found[0] in ids and record.attempt_id is not None:
            plan.different["attendance"] += 1
        else:
            plan.only_here["attendance"] += 1
    plan.add["attendance"] = export.total() - plan.different["attendance"]


def _settings(source: Source, snapshot: Snapshot, plan: Plan) -> None:
    active, saved = source.settings()
    export = {kept.key: _digest(line(setting_row(kept))) for kept in saved}
    here = ((kept.key, _digest(line(setting_row(kept)))) for kept in snapshot.kept(SETTINGS_KIND))
    _tally(plan, "settings", export, here)
    decides = snapshot.active_model()
    holds = plan.same["templates"] + plan.only_here["templates"] + plan.different["templates"]
    # What no template belongs to decides nothing: a restore that was killed has left it, or somebody who is gone.
    plan.active_model = active is not None and (decides is None or not holds)
    if holds and active is not None and decides not in {None, active}:
        plan.different["active model"] += 1


def _audit(source: Source, snapshot: Snapshot, plan: Plan) -> None:
    """Entries are a chain: the store's has to be the export's beginning, or the export's is left out."""
    export = (_digest(line(audit_row(entry))) for entry in source.audit())
    for entry in _whole(snapshot.audit(), plan):
        there = next(export, None)
        if there is None:
            plan.only_here["audit"] += 1
        elif there == _digest(line(audit_row(entry))):
            plan.same["audit"] += 1
        else:
            plan.different["audit"] += 1
            plan.audit = False
    plan.add["audit"] = sum(1 for _ in export) if plan.audit else 0


def _tally(plan: Plan, what: str, export: dict[str, bytes], here: Iterable[tuple[str, bytes]]) -> None:
    missing = dict(export)
    for key, digest in here:
        _count(plan, what, digest, missing.pop(key, None))
    plan.add[what] = len(missing)


def _count(plan: Plan, what: str, here: bytes, export: bytes | None) -> None:
    which = plan.only_here if export is None else plan.same if export == here else plan.different
    which[what] += 1


def _whole(records: Iterable[Any], plan: Plan) -> Iterator[Any]:
    """What cannot be read is the store's own, and stays."""
    for record in records:
        if isinstance(record, Broken):
            plan.only_here["unreadable records"] += 1
        else:
            yield record


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


def _person_digest(person: Person) -> bytes:
    return _digest(line(person_row(person, "")))


def _template_key(template: StoredTemplate, reference_id: str) -> str:
    return f"{template.model_id} {reference_id}"


def _template_digest(template: StoredTemplate) -> bytes:
    return hashlib.sha256(template.embedding or (template.failure or "").encode()).digest()[:16]
