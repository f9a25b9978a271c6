"""From an export back into a store: checked whole, compared, and only then written; after a kill it can be run again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from attendance.errors import ExportError
from attendance.export.layout import MANIFEST
from attendance.export.place import Place
from attendance.export.plan import Plan, compare
from attendance.export.source import Source
from attendance.export.stage import file_digest

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from attendance.store.archive import RestoredPerson
    from attendance.store.base import Store

    Progress = Callable[[str, int, int | None], None]

_BATCH = 500  # records in one call of the store
_BYTES = 8_000_000  # of pictures in one call of the store
Record = TypeVar("Record")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of it.

    Attributes:
        done: False for a dry run.
        plan: what was missing, and so is there now.
    """

    folder: Path
    done: bool
    merged: bool
    plan: Plan

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"folder": str(self.folder), "done": self.done, "merged": self.merged, **self.plan.as_dict()}


def restore(
    store: Store, folder: Path, progress: Progress, *, merge: bool = False, dry_run: bool = False, actor: str = ""
) -> Restored:
    """Put everything of an export into a store.

    Args:
        store: empty, or holding nothing but what the export holds, as after a restore that was killed.
        folder: of the export.
        progress: told the step, how much of it is done, and how much there is.
        merge: also into a store that holds other people and records. What it has stays; where both have something under one
            id, the store's stays; the audit gets an entry.
        dry_run: tell what would be done, and do nothing.
        actor: who it is, for the audit of a merge.

    Raises:
        ExportError: the export is damaged, or the store holds something else; nothing was written.
        StoreError: the store could not take it; run it again.
    """
    with _held(Place(folder), progress):
        source = Source(folder, lambda done, total: progress("Checking the export", done, total))
        progress("Comparing with the database", 0, None)
        with store.snapshot() as snapshot:
            plan = compare(source, snapshot)
        if plan.conflicts:
            raise ExportError(f"The export cannot be restored here: {plan.conflicts[0]} Nothing was written.")
        if plan.is_mixing and not merge and not dry_run:
            raise ExportError(f"The database holds something else: {told(plan)} Nothing was written; --merge adds to it.")
        if not dry_run:
            _write(store, source, plan, progress)
            if plan.is_mixing and plan.add.total():
                details = {"manifest": file_digest(source.folder / MANIFEST), **{k: v for k, v in plan.add.items() if v}}
                store.append_audit(actor, "restore", details, datetime.now(UTC))
            _log.info("restored", folder=str(source.folder), **plan.add)
    return Restored(source.folder, done=not dry_run, merged=plan.is_mixing, plan=plan)


def told(plan: Plan, *, done: bool = False) -> str:
    """What would change, or has changed, in one sentence or several."""
    sentences = [f"It {'has got' if done else 'would get'} {_words(plan.add)}."]
    if plan.only_here.total():
        sentences.append(f"It alone has {_words(plan.only_here)}.")
    if plan.different.total():
        sentences.append(f"It has otherwise {_words(plan.different)}, and {'keeps' if done else 'would keep'} that.")
    if plan.removed:
        sentences.append(f"{len(plan.removed)} people were removed here and {'are' if done else 'would be'} back.")
    return " ".join(sentences)


def _write(store: Store, source: Source, plan: Plan, progress: Progress) -> None:
    active, saved = source.settings()
    if plan.active_model and active is not None:  # first: the people of a restore that is killed belong to it already
        store.activate_model(active)
    total, done = source.counts.get("people"), 0
    for batch in _people(source, plan):
        store.restore_people(batch)
        done += len({one.person.person_id for one in batch})
        progress("Restoring people", done, total)
    progress("Restoring records", 0, None)
    for records in _batches(source.check_ins()):
        store.restore_check_ins(records)
    for attempts in _batches(source.attempts()):
        store.restore_attempts(attempts)
    store.restore_kept(saved)
    if plan.audit:
        for entries in _batches(source.audit()):
            store.restore_audit(entries)


def _people(source: Source, plan: Plan) -> Iterator[list[RestoredPerson]]:
    batch: list[RestoredPerson] = []
    size = 0
    for one in source.people(with_bytes=True):
        known = plan.known_pictures
        fresh = one
        if known:
            pictures = [picture for picture in one.pictures if picture.reference_id not in known]
            templates = [template for template in one.templates if template.reference_id not in known]
            fresh = replace(one, pictures=pictures, templates=templates)
        batch.append(fresh)
        size += sum(picture.size for picture in fresh.pictures)
        if size > _BYTES or len(batch) >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


@contextmanager
def _held(place: Place, progress: Progress) -> Iterator[None]:
    """No export takes the folder away meanwhile; one that lies where none was ever made, such as a copy, needs no lock."""
    if not place.work.exists():
        yield
        return
    with place.locked(lambda: progress("Waiting for an export of this folder", 0, None)):
        yield


def _words(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "nothing"
