"""One person's folder on its way into the store."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from attendance.domain.policy import nearest_other_l2
from attendance.domain.reasons import reason_for
from attendance.errors import (
    CaptureError,
    ConflictError,
    DuplicatePictureError,
    EnrolmentError,
    ImageUnreadableError,
    InferenceError,
    StoreError,
)
from attendance.services.import_folder import PersonFolder, read
from attendance.services.import_report import ImportLookAlike, ImportReport, ImportStatus
from attendance.services.pictures import NamedPicture
from attendance.services.resemblance import as_error
from attendance.services.words import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from attendance.domain.model import NewReference, Person
    from attendance.services.enrol import EnrolService
    from attendance.services.resemblance import LookAlike

ADDED, SKIPPED, REFUSED = ImportStatus.ADDED, ImportStatus.SKIPPED, ImportStatus.REFUSED
LOT = 64  # pictures that are held in memory and stored at once; nearly every person is one lot


class _Done(Enum):
    """What came of one lot of a person's pictures."""

    ADDED = 1
    EXTENDED = 2
    UNCHANGED = 3


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why nothing came of it."""

    reason: str
    sentence: str


_End = _Done | _Refusal
_NOTHING = _Refusal("no_usable_picture", "No picture of this person can be used.")


class PersonImport:
    """One run over a folder, person by person; ``importer.import_folder`` says what the arguments mean.

    ``total`` is the number of pictures in all, for the progress.
    """

    def __init__(
        self,
        enrol: EnrolService,
        report: ImportReport,
        *,
        allow_look_alikes: bool,
        actor: str,
        progress: Callable[[int, int, str], None] | None,
    ) -> None:
        self.enrol = enrol
        self.report = report
        self.allow_look_alikes = allow_look_alikes
        self.actor = actor
        self.progress = progress
        self.done = 0
        self.total = 0

    def person(self, folder: PersonFolder) -> None:
        """Import one person's folder, some pictures at a time, each lot stored before the next is read."""
        name = printable(folder.name)
        try:
            name = self.enrol.new_person(folder.name).name
        except EnrolmentError as error:
            self._advance(len(folder.files), name)
            self._refuse(name, [_Refusal("name", str(error))])
            return
        ends: list[_End] = []
        try:
            for start in range(0, len(folder.files), LOT):
                ends.append(self._lot(name, folder.files[start : start + LOT]))  # noqa: PERF401 - what is done must count
        except (StoreError, InferenceError):
            self._count(ends)
            raise
        if not self._count(ends):
            self._refuse(name, ends)

    def _lot(self, name: str, files: Sequence[Path]) -> _End:
        present = self.enrol.named(name)
        references = self._usable(files, name, present)
        references = self._of_one_person(name, references, present)
        try:
            return self._add(name, references) if present is None else self._extend(present, references)
        except (EnrolmentError, ConflictError) as error:  # somebody else enrolled the same at the same time
            for reference in references:
                self.report.add(name, reference.label, REFUSED, "conflict", str(error))
            return _Refusal("conflict", str(error))

    def _count(self, ends: Sequence[_End]) -> bool:
        """Count the person once, by the best that came of the lots; False where nothing did."""
        if _Done.ADDED in ends:
            self.report.people_added += 1
        elif _Done.EXTENDED in ends:
            self.report.people_extended += 1
        elif _Done.UNCHANGED in ends:
            self.report.people_unchanged += 1
        else:
            return False
        return True

    def _refuse(self, name: str, ends: Sequence[_End]) -> None:
        """One line for the whole person, with the reason that says most."""
        reasons = [end for end in ends if isinstance(end, _Refusal)]
        refusal = next((one for one in reasons if one != _NOTHING), _NOTHING)
        self.report.people_refused += 1
        self.report.add(name, None, REFUSED, refusal.reason, refusal.sentence)

    def _usable(self, files: Sequence[Path], name: str, present: Person | None) -> list[NewReference]:
        """Every picture that is new and has exactly one usable face."""
        references: list[NewReference] = []
        labels: dict[str, str] = {}
        for path in files:
            self._advance(1, name)
            label = printable(path.name)
            try:
                judgement = self.enrol.judge(NamedPicture(label, read(path)))
            except ImageUnreadableError as error:
                self.report.add(name, label, REFUSED, reason_for(error), str(error))
                continue
            except OSError:
                self.report.add(name, label, REFUSED, "unreadable_file", "This file cannot be read.")
                continue
            refusal = judgement.error
            if present is not None and judgement.owner is not None and judgement.owner.person_id == present.person_id:
                self.report.add(name, label, SKIPPED, "already_stored", "This picture is stored already.")
            elif judgement.sha256 in labels:
                sentence = f"This is the same picture as {labels[judgement.sha256]}."
                self.report.add(name, label, SKIPPED, "duplicate_picture", sentence)
            elif isinstance(refusal, DuplicatePictureError):
                self.report.add(name, label, REFUSED, "duplicate_picture", str(refusal))
            elif isinstance(refusal, CaptureError | ImageUnreadableError):
                self.report.add(name, label, REFUSED, reason_for(refusal), str(refusal))
            else:
                references.append(judgement.reference())
            labels.setdefault(judgement.sha256, label)
        return references

    def _of_one_person(self, name: str, references: list[NewReference], present: Person | None) -> list[NewReference]:
        """The pictures that belong together; the others are reported."""
        if not references:
            return references
        looks = self.enrol.resemblance
        distances = looks.distances(references, present.person_id if present else None)
        kept = looks.group(distances, len(references))
        for index, reference in enumerate(references):
            if kept is None:
                sentence = "These pictures show different people. Keep only the pictures of this person."
                self.report.add(name, reference.label, REFUSED, "different_people", sentence)
            elif index not in kept:
                sentence = "This does not look like the person in the other pictures. It was left out."
                self.report.add(name, reference.label, REFUSED, "different_people", sentence)
        return [references[index] for index in kept or []]

    def _add(self, name: str, references: list[NewReference]) -> _End:
        if not references:
            return _NOTHING
        looks = self.enrol.resemblance
        others = looks.nearest_others(references)
        found = looks.look_alike(others)
        if found is not None:
            enrolled = self.allow_look_alikes or not looks.is_hard_to_tell(looks.distances(references), others)
            note = ImportLookAlike(name, found.name, found.person_id, found.distance_l2, enrolled)
            self.report.look_alikes.append(note)
            if not enrolled:
                for reference in references:
                    self.report.add(name, reference.label, REFUSED, "look_alike", "Not enrolled with the person.")
                sentence = f"{as_error(found)} To enrol both, import with look-alikes allowed (--allow-look-alikes)."
                return _Refusal("look_alike", sentence)
        person = self.enrol.new_person(name)
        self.enrol.store_new(person, references, actor=self.actor, look_alike=found, overruled_by=self.actor)
        self._added(name, references)
        return _Done.ADDED

    def _extend(self, person: Person, references: list[NewReference]) -> _End:
        """More pictures for somebody who is there; one that is nearer to somebody else is left out."""
        looks = self.enrol.resemblance
        fitting: list[NewReference] = []
        overruled: LookAlike | None = None
        own = nearest_other_l2(looks.distances(references, person.person_id)) if references else ()
        others = looks.nearest_others(references, person.person_id)
        for reference, other, own_l2 in zip(references, others, own, strict=False):
            found = looks.look_alike([other]) if other is not None and other.distance_l2 < own_l2 else None
            if found is not None and not self.allow_look_alikes:
                self.report.add(person.name, reference.label, REFUSED, "look_alike", str(as_error(found)))
                continue
            fitting.append(reference)
            overruled = found or overruled
        if not fitting:
            return _Done.UNCHANGED
        self.enrol.store_more(person, fitting, actor=self.actor, look_alike=overruled, overruled_by=self.actor)
        self._added(person.name, fitting)
        return _Done.EXTENDED

    def _added(self, name: str, references: list[NewReference]) -> None:
        for reference in references:
            self.report.add(name, reference.label, ADDED, "new", "Enrolled.")

    def _advance(self, pictures: int, name: str) -> None:
        self.done += pictures
        if self.progress is not None:
            self.progress(self.done, self.total, name)
