"""Many people at once, from a zip or a folder: progress while it runs, then a report, and look-alikes to decide about."""

from __future__ import annotations

import io
import tempfile
import threading
import zipfile
from contextlib import suppress
from typing import IO, TYPE_CHECKING

import streamlit as st

from attendance.errors import AttendanceError
from attendance.services.import_folder import PICTURE_SUFFIXES
from attendance.services.import_job import NO_ROOM, ImportJob, report_csv
from attendance.ui.messages import sentence_for
from attendance.ui.operator import who
from attendance.ui.people_drop import PLACE, dropped_folders
from attendance.ui.people_thumbs import portrait
from attendance.ui.pictures import PICTURE_MB
from attendance.ui.resources import application
from attendance.ui.text import counted, plain, unseen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from attendance.services.import_report import ImportLookAlike, ImportReport

A_ZIP, A_FOLDER = "A zip", "A folder"
WAY = "import-way"
SUFFIXES = sorted(suffix for suffix in PICTURE_SUFFIXES if suffix)  # of a folder, the browser sends these alone


class _Desk:
    """The one import of this server, which every operator sees."""

    def __init__(self) -> None:
        self.job: ImportJob | None = None
        self.lock = threading.Lock()


@st.cache_resource(show_spinner=False)
def _desk() -> _Desk:
    return _Desk()


def import_people() -> None:
    """Draw the import: the way in, the progress, or the report."""
    job = _desk().job
    st.subheader("Import many people", anchor=False)
    if job is None:
        _way_in()
    elif job.running:
        st.fragment(_progress, run_every=1)(job)
    else:
        _report(job)


def _way_in() -> None:
    st.session_state.setdefault(WAY, A_ZIP)
    way = st.segmented_control("From", [A_ZIP, A_FOLDER], required=True, key=WAY)
    again = "folder" if way == A_FOLDER else "zip"
    st.caption(
        f"Drop a {again} or choose one: one folder in it for each person, named after them, with their pictures. The same "
        f"{again} again goes on where it ended. A folder on the server's own disk is imported with "
        "`python -m attendance import FOLDER`."
    )
    with st.container(width=480, key=PLACE):
        dropped_folders(_from_a_folder)
        archive = _folder() if way == A_FOLDER else _zip()
    if archive is None:
        return
    with _desk().lock:
        if _desk().job is None:
            _desk().job = ImportJob(archive, application().enrol, actor=who() or "operator")
    st.rerun()


def _from_a_folder() -> None:
    st.session_state[WAY] = A_FOLDER


def _zip() -> IO[bytes] | None:
    """The zip, once its import is asked for."""
    upload = st.file_uploader("Zip of people", type=["zip"], key="import-zip", label_visibility="collapsed")
    return io.BytesIO(upload.getvalue()) if upload is not None and _asked() else None


def _folder() -> IO[bytes] | None:
    """The pictures of a folder as a zip, once their import is asked for."""
    files = st.file_uploader(
        "Folder of people",
        type=SUFFIXES,
        accept_multiple_files="directory",
        key="import-folder",
        label_visibility="collapsed",
        max_upload_size=PICTURE_MB,
    )
    if not files or not _asked():
        return None
    try:
        return packed(files)
    except OSError:
        st.error(NO_ROOM)
        return None


def _asked() -> bool:
    return st.button("Import these people", type="primary", key="import-start")


def packed(files: Iterable[UploadedFile]) -> IO[bytes]:
    """Files of a folder, named by their paths in it, as a zip on the disk, so that they pass all that a zip has to.

    Raises:
        OSError: the disk does not take them; what it took is given back.
    """
    archive = tempfile.TemporaryFile()  # noqa: SIM115 - the import closes it once it is unpacked
    try:
        with zipfile.ZipFile(archive, "w") as opened:
            for file in files:
                opened.writestr(file.name, file.getbuffer())
        archive.seek(0)
    except OSError:
        with suppress(OSError):  # what it still holds back does not fit either
            archive.close()
        raise
    return archive


def _progress(job: ImportJob) -> None:
    if not job.running:
        st.rerun()
    done, total = job.done, job.total
    words = f"{done:,} of {counted(total, 'picture', 'pictures')}: {plain(job.name)}" if total else "Unpacking"
    st.progress(done / total if total else 0.0, words)
    st.caption("It goes on when you leave this page.")
    if st.button("Stop after this person", key="import-stop"):
        job.stop()


def _report(job: ImportJob) -> None:
    totals = job.report.totals()
    if job.failure is not None:
        st.error(plain(sentence_for(job.failure)))
        if job.report.people_added or job.report.people_extended:
            st.info(plain(f"{_summary(job.report)} They stay; the same again goes on where it ended."))
    else:
        st.success(plain(_summary(job.report)))
        if job.report.stopped:
            st.warning(plain(job.report.stopped))
    for found in list(job.undecided):
        _look_alike(job, found)
    refused = [row for row in job.report.rows if row.status == "refused"]
    if refused:
        pictures = totals["pictures_refused"]
        with st.expander(f"What was refused ({counted(pictures, 'picture', 'pictures')})"):
            st.dataframe(
                {
                    "Person": [row.person for row in refused],
                    "Picture": [row.picture or "" for row in refused],
                    "Why": [row.sentence for row in refused],
                },
                hide_index=True,
                row_height=36,
                alt="What was refused, and why",
            )
    with st.container(horizontal=True):
        st.download_button(
            "Download the report",
            data=report_csv(job.report),
            file_name="attend-import-report.csv",
            mime="text/csv",
            on_click="ignore",
            key="import-report",
        )
        if st.button("Done", key="import-done"):
            _desk().job = None
            job.close()
            st.rerun()


def _summary(report: ImportReport) -> str:
    parts = [
        f"{counted(report.people_added, 'person', 'people')} added",
        f"{report.people_extended} got more pictures" if report.people_extended else "",
        f"{report.people_unchanged} unchanged" if report.people_unchanged else "",
        f"{report.people_refused} refused" if report.people_refused else "",
    ]
    return ", ".join(part for part in parts if part) + "."


def _look_alike(job: ImportJob, found: ImportLookAlike) -> None:
    """Two pictures side by side, and the operator's decision."""
    with st.container(border=True, key=f"import-alike-{found.person}-{found.person_id}"):
        st.markdown(
            f"**{plain(found.person)}** may be **{plain(found.resembles)}**, who is registered. Compare the pictures."
        )
        with st.container(horizontal=True):
            new = job.first_picture(found.person)
            if new is not None:
                try:
                    st.image(application().portrait(new), caption="New", alt="A new picture", width=140)
                except AttendanceError:
                    st.caption("The new picture can't be shown.")
            references = application().people.pictures(found.person_id)
            stored = portrait(references[0].reference_id) if references else None
            if stored is not None:
                st.image(stored, caption="On file", alt="The registered picture", width=140)
        who_is = unseen(found.person)
        with st.container(horizontal=True):
            if st.button(f"Different people: add {who_is}", key=f"allow-{found.person}-{found.person_id}"):
                _allow(job, found)
            if st.button(f"Same person: leave out {who_is}", key=f"leave-{found.person}-{found.person_id}"):
                job.leave_out(found)
                st.rerun()


def _allow(job: ImportJob, found: ImportLookAlike) -> None:
    try:
        with st.spinner("Adding"):
            job.allow(found)
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))
        return
    st.rerun()
