"""Enrol everybody in a folder: what can be used is used, what cannot is reported, and a second run goes on.

Unlike a single enrolment nobody stands beside it, so it is lenient where that is safe. A picture that is refused costs the
person that picture, not the enrolment. Somebody who resembles a person enrolled, but can be told apart from him or her by
the very rule that identification decides with, is enrolled, reported and recorded as overruled by the import; somebody who
could hardly be told apart would make both of them unrecognisable, and is enrolled only where the operator allowed it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from attendance.errors import InferenceError, StoreError
from attendance.services.import_folder import scan
from attendance.services.import_person import PersonImport
from attendance.services.import_report import ImportReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from attendance.services.enrol import EnrolService
    from attendance.services.import_folder import PersonFolder

log = structlog.get_logger(__name__)


def import_folder(
    folder: Path,
    enrol: EnrolService,
    *,
    allow_look_alikes: bool = False,
    actor: str = "import",
    progress: Callable[[int, int, str], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ImportReport:
    """Enrol the people of a folder that has one sub-folder a person, named after them.

    A person who is enrolled already gets the pictures that are not stored yet and fit those that are. Each person is
    stored before the next one is looked at.

    Args:
        folder: see ``import_folder.scan``.
        enrol: looks, compares and stores.
        allow_look_alikes: the operator decided that people who can hardly be told apart are different people.
        actor: who imports, for the audit.
        progress: told pictures done, pictures in all, and the person's name.
        should_stop: asked before every person.

    Returns:
        The report. Where the database or the model failed half-way it says so in ``stopped``.

    Raises:
        SettingsError: no such folder.
        TemplateMismatchError, StoreUnavailableError: it cannot begin.
    """
    report = ImportReport()
    import_people(
        scan(folder, report),
        report,
        enrol,
        allow_look_alikes=allow_look_alikes,
        actor=actor,
        progress=progress,
        should_stop=should_stop,
    )
    return report


def import_people(
    people: Sequence[PersonFolder],
    report: ImportReport,
    enrol: EnrolService,
    *,
    allow_look_alikes: bool = False,
    actor: str = "import",
    progress: Callable[[int, int, str], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> None:
    """Enrol these people and write what came of it into ``report``, which grows while it runs; otherwise as
    ``import_folder``.
    """
    enrol.begin()
    job = PersonImport(enrol, report, allow_look_alikes=allow_look_alikes, actor=actor, progress=progress)
    job.total = sum(len(person.files) for person in people)
    for person in people:
        if should_stop is not None and should_stop():
            report.stopped = "Stopped. Start it again to go on."
            break
        try:
            job.person(person)
        except (StoreError, InferenceError) as error:
            log.warning("import_stopped", error=type(error).__name__)
            report.stopped = f"{error} What was imported is kept; start it again to go on."
            break
    log.info("imported", **report.totals())
