"""An import that runs by itself while pages watch: from a zip, one at a time in the whole server.

Closing the page does not stop it. It can be stopped between two people; what is done stays, and the same zip again goes on.
People who could hardly be told from somebody enrolled are left for an operator to decide about, one by one.
"""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

import structlog

from attendance.errors import AttendanceError, SettingsError
from attendance.services.import_report import ImportReport
from attendance.services.import_zip import unpack
from attendance.services.importer import import_people
from attendance.services.spreadsheet import BOM, harmless
from attendance.services.words import printable

if TYPE_CHECKING:
    from attendance.services.enrol import EnrolService
    from attendance.services.import_folder import PersonFolder
    from attendance.services.import_report import ImportLookAlike

NO_ROOM = "There is no room on the server's disk for these pictures. Nothing was imported."
log = structlog.get_logger(__name__)


class ImportJob:
    """One zip on its way into the store.

    Attributes:
        report: grows while it runs.
        done, total, name: pictures that were looked at, of how many, and whose it was last.
        failure: why it could not run at all; None where it could.
    """

    def __init__(self, archive: IO[bytes], enrol: EnrolService, *, actor: str) -> None:
        self.report = ImportReport()
        self.done, self.total, self.name = 0, 0, ""
        self.failure: AttendanceError | None = None
        self._enrol = enrol
        self._actor = actor
        self._folder: Path | None = None
        self._people: list[PersonFolder] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(archive,), name="import", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        return self._thread.is_alive()

    @property
    def undecided(self) -> list[ImportLookAlike]:
        """People who were left out because they may be somebody who is registered."""
        return [one for one in self.report.look_alikes if not one.enrolled]

    def stop(self) -> None:
        """End after the person that is being imported."""
        self._stop.set()

    def wait(self, timeout_s: float | None = None) -> None:
        """Until it has ended."""
        self._thread.join(timeout_s)

    def first_picture(self, person: str) -> bytes | None:
        """A picture of somebody who was left out, to compare; None where there is none any more."""
        files = [file for folder in self._of(person) for file in folder.files]
        return next((file.read_bytes() for file in files if file.is_file()), None)

    def allow(self, found: ImportLookAlike) -> ImportReport:
        """Import somebody who was left out: the operator says that it is another person.

        Raises:
            TemplateMismatchError, StoreUnavailableError: it cannot be done now.
        """
        report = ImportReport()
        import_people(self._of(found.person), report, self._enrol, allow_look_alikes=True, actor=self._actor)
        self.leave_out(found)
        self.report.rows += report.rows
        self.report.people_added += report.people_added
        self.report.people_refused += report.people_refused - 1  # who was refused before is counted anew
        return report

    def leave_out(self, found: ImportLookAlike) -> None:
        """Nothing more has to be decided about this one."""
        self.report.look_alikes = [one for one in self.report.look_alikes if one is not found]

    def close(self) -> None:
        """Stop, and take the unpacked pictures away."""
        self.stop()
        self.wait()
        self._clean()

    def _of(self, person: str) -> list[PersonFolder]:
        return [folder for folder in self._people if printable(folder.name) == person]

    def _run(self, archive: IO[bytes]) -> None:
        try:
            self._people = self._unpacked(archive)
            import_people(
                self._people,
                self.report,
                self._enrol,
                actor=self._actor,
                progress=self._progress,
                should_stop=self._stop.is_set,
            )
        except AttendanceError as error:
            self.failure = error
        if not self.undecided:
            self._clean()

    def _unpacked(self, archive: IO[bytes]) -> list[PersonFolder]:
        """Raises SettingsError where there is no room for them, or the zip cannot be used."""
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="attend-import-"))
            with archive:  # what was uploaded is not needed once it is unpacked
                return unpack(archive, self._folder, self.report)
        except OSError as error:  # the temporary folder's disk
            log.warning("import_disk", error=type(error).__name__)
            raise SettingsError(NO_ROOM, name="zip") from error

    def _clean(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _progress(self, done: int, total: int, name: str) -> None:
        self.done, self.total, self.name = done, total, name


def report_csv(report: ImportReport) -> bytes:
    """The report as CSV for a spreadsheet: UTF-8 with a byte order mark, RFC 4180, no cell a formula."""
    out = io.StringIO()
    out.write(BOM)
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["Person", "Picture", "What became of it", "Reason", "In words"])
    for row in report.rows:
        cells = (row.person, row.picture or "", str(row.status), str(row.reason), row.sentence)
        writer.writerow([harmless(cell) for cell in cells])
    return out.getvalue().encode()
