"""What is done with the data as MLflow runs, where that is asked for: each export, restore and validation is one.

No name, no error's words (which may hold one) and no password is sent: kinds, counts, digests, and where the data lie.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from attendance.errors import ExportError
from attendance.export.hold import held
from attendance.export.layout import IMAGES, MANIFEST
from attendance.export.manifest import read_manifest
from attendance.faces.files import sha256_of
from attendance.logs import masked
from attendance.services.clock import now_utc
from attendance.services.measurement import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from attendance.export.restore import Restored
    from attendance.export.summary import Summary
    from attendance.export.validation import Validation
    from attendance.settings import Settings

EXPERIMENT: Final = "face-attendance-jobs"


class Job:
    """What one job tells of itself; where it is not tracked, nothing is made of it and no file is read.

    Attributes:
        tags: the outcome and the digests.
        rows: that were worked on; None where it failed.
        duration_s: until it ended; what is told about it afterwards is none of its time.
    """

    def __init__(self, *, tracked: bool) -> None:
        self.tracked = tracked
        self.tags: dict[str, str] = {}
        self.rows: int | None = None
        self.parts: dict[str, Any] = {}
        self.duration_s = 0.0
        self.began_utc, self._began_s = now_utc(), time.monotonic()

    def ended(self, outcome: str, rows: int | None = None, parts: Mapping[str, Any] | None = None) -> None:
        """It is over."""
        self.duration_s, self.rows, self.parts = time.monotonic() - self._began_s, rows, dict(parts or {})
        self.tags["outcome"] = outcome

    def holds(self, folder: Path) -> None:
        """Which data an export holds: the digest of its manifest, which has those of all files, and of its pictures, which
        an evaluation of them logs too."""
        if not self.tracked:
            return
        with suppress(ExportError, OSError, ValueError), held(folder) as version:  # what is wrong there the job says
            pictures = [one for one in read_manifest(version) if one.path.startswith(f"{IMAGES}/")]
            self.tags["export_digest"] = sha256_of(version / MANIFEST)
            if pictures:  # as services.evaluate has it: whose folder, and which picture
                self.tags["data_digest"] = digest_of(f"{one.path.split('/')[1]} {one.sha256}" for one in pictures)

    def exported(self, done: Summary) -> None:
        """An export has ended well."""
        found = {"people": done.people, "pictures": done.pictures}
        changes = {f"{what}_{how}": number for what, one in found.items() for how, number in one.as_dict().items()}
        others = {"files_written": done.files_written, "repaired": len(done.repaired), "left_out": done.problems.total}
        self.ended("changed" if done.changed else "unchanged", sum(done.counts.values()), done.counts | changes | others)
        self.holds(done.folder)

    def restored(self, done: Restored) -> None:
        """A restore has ended well; its rows are those that were missing."""
        plan, rows = done.plan, done.plan.add.total()
        kinds = {"added": plan.add, "same": plan.same, "different": plan.different, "only_here": plan.only_here}
        counts = {f"{what}_{how}": number for how, found in kinds.items() for what, number in found.items()}
        self.ended("changed" if rows else "unchanged", rows, counts)
        self.holds(done.folder)

    def validated(self, found: Validation) -> None:
        """A validation has ended, whatever it found; its rows are files."""
        counts = {name: number for name, number in found.as_dict().items() if name != "whole"}
        self.ended("whole" if found.whole else "damaged", found.files, counts)


@contextmanager
def job(kind: str, settings: Settings, folder: Path, *, track: bool | None) -> Iterator[Job]:
    """A job in this block, and after it the run, which is FAILED where the block raised, or KILLED on Ctrl-C.

    While the job is at work MLflow does nothing: its import alone takes longer than a quiet export.

    Args:
        kind: export, restore or validation.
        settings: whether it is tracked where ``track`` does not say; the database, site and time zone.
        folder: of the export, as it was named.
        track: make an MLflow run of it, or none.
    """
    told = Job(tracked=settings.tracking_jobs if track is None else track)
    try:
        yield told
    except BaseException as error:
        told.ended("failed")
        told.tags["error"] = type(error).__name__
        with _run(kind, settings, folder, told):
            raise
    with _run(kind, settings, folder, told):
        pass


@contextmanager
def _run(kind: str, settings: Settings, folder: Path, told: Job) -> Iterator[None]:
    if not told.tracked:
        yield
        return
    from attendance.tracking.tracker import MLflowTracker

    tracker, tags = MLflowTracker(EXPERIMENT), {"kind": kind, "site": settings.site, **told.tags}
    day = told.began_utc.astimezone(ZoneInfo(settings.timezone) if settings.timezone else None)  # None: the machine's zone
    with tracker.start_run(f"{kind} {day:%Y-%m-%d %H:%M}", tags):
        tracker.log_param("folder", folder)
        if kind != "validation":  # which asks no database
            tracker.log_param("store", masked(settings.store_url.get_secret_value()).partition("?")[0])
        tracker.log_execution_metadata(day.date(), told.rows, told.duration_s, told.parts)
        yield
