"""The buttons that give the records as a file: at once where it is short, with progress where it is long.

One long file is made at a time in the whole server, with pauses, so that screens at the door stay quick meanwhile.
"""

from __future__ import annotations

import re
import tempfile
import threading
import time
import unicodedata
from typing import TYPE_CHECKING

import streamlit as st

from attendance.errors import AttendanceError
from attendance.services.spreadsheet import Kind, write_csv, write_xlsx
from attendance.ui.messages import sentence_for
from attendance.ui.text import counted, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attendance.services.report_rows import Directory, Row
    from attendance.services.reports import RecordQuery, ReportService

SHORT = 3_000  # lines; made within a second while the browser waits
# A file is held in memory while it is on its way to the browser, about 150 bytes a line.
MOST = 500_000
_PAUSE_EVERY, _PAUSE_S = 100, 0.002  # lets other sessions' threads in between
_MIME = {Kind.CSV: "text/csv", Kind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
_LABEL = {Kind.CSV: "Download CSV", Kind.XLSX: "Download XLSX"}
_one_at_a_time = threading.Lock()


def file_buttons(query: RecordQuery, reports: ReportService, directory: Directory) -> None:
    """Draw both buttons; the file holds what the filters show, every page of it."""
    total = reports.count(query, directory)
    for kind in Kind:
        key = f"file-{kind}"
        if 0 < total <= SHORT:
            st.download_button(
                _LABEL[kind],
                data=_maker(kind, query, reports, directory),
                file_name=file_name(query, kind),
                mime=_MIME[kind],
                key=key,
                on_click="ignore",
            )
        elif st.button(_LABEL[kind], key=key, disabled=total == 0):
            _long_file(kind, query, reports, directory, total)


def file_name(query: RecordQuery, kind: Kind) -> str:
    """A name that tells what is in it: ``attend-check-ins-2026-11-20-design.csv``."""
    parts = ["attend", "attempts" if query.attempts else "check-ins"]
    if query.first is None or query.last is None:
        parts.append("all-days")
    elif query.first == query.last:
        parts.append(query.first.isoformat())
    else:
        parts += [query.first.isoformat(), "to", query.last.isoformat()]
    parts += [_slug(query.group), _slug(query.person), str(query.result or "")]
    return "-".join(part for part in parts if part) + f".{kind}"


def _slug(text: str) -> str:
    """ASCII letters and digits of a word from outside, at most 40 of them."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", folded).strip("-")[:40].strip("-")


def _maker(kind: Kind, query: RecordQuery, reports: ReportService, directory: Directory) -> Callable[[], bytes]:
    """Makes the file when the button is pressed, in a thread of its own."""
    return lambda: _made(kind, query, reports, directory, None)


def _made(
    kind: Kind,
    query: RecordQuery,
    reports: ReportService,
    directory: Directory,
    progress: Callable[[int], None] | None,
) -> bytes:
    write = write_csv if kind is Kind.CSV else write_xlsx
    with tempfile.TemporaryFile() as file:
        write(_gently(reports.rows(query, directory)), file, reports.zone, progress)
        file.seek(0)
        return file.read()


def _gently(rows: Iterator[Row]) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number % _PAUSE_EVERY == 0:
            time.sleep(_PAUSE_S)
        yield row


@st.dialog("Prepare the file")
def _long_file(kind: Kind, query: RecordQuery, reports: ReportService, directory: Directory, total: int) -> None:
    """Make a long file while the operator watches, then offer it."""
    if total > MOST:
        st.info(f"That is {total:,} records; a file holds {MOST:,}. Choose a shorter time, and take several files.")
        return
    if not _one_at_a_time.acquire(blocking=False):
        st.info("Another long file is being made. Try again in a moment.")
        return
    try:
        bar = st.progress(0.0, f"0 of {total:,}")

        def watch(done: int) -> None:
            bar.progress(min(done / total, 1.0), f"{done:,} of {total:,}")

        data = _made(kind, query, reports, directory, watch)
        bar.progress(1.0, f"{counted(total, 'record', 'records')}.")
    except AttendanceError as error:
        st.error(plain(sentence_for(error)))
        return
    finally:
        _one_at_a_time.release()
    size = f"{len(data) / 1_000_000:.1f} MB"
    st.download_button(
        f"Download {file_name(query, kind)} ({size})".replace("_", "-"),
        data=data,
        file_name=file_name(query, kind),
        mime=_MIME[kind],
        type="primary",
        on_click="ignore",
    )
