"""What the office's pages need, brought in before anybody opens one.

The check-in has to be there first, so the server starts without the libraries of tables and charts. Whoever opened the first
page of the office waited for them: this thread waits instead, after the recognition is ready.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import structlog

from attendance.api import heap
from attendance.errors import AttendanceError

if TYPE_CHECKING:
    from attendance.api.running import Running

LOOK_EVERY_S = 0.5
BETWEEN_S = 0.05  # after each step, so that a frame at the door never waits for more than one
LIBRARIES = ("pandas", "pyarrow", "altair")  # what Streamlit imports when it draws the first table and chart
PAGES = ("records", "people", "register", "settings_page", "thresholds", "versions", "status")
log = structlog.get_logger(__name__)


def bring_in(server: Running) -> None:
    """Wait until the server recognises at full speed, then import and draw once what the pages will need; for a thread.

    Nothing depends on it: a page that is opened meanwhile imports the same by itself, and where this ends early, so does
    every page.
    """
    while server.state != "ready":
        if server.stopped.wait(LOOK_EVERY_S):
            return
    try:
        server.application().warm()
    except AttendanceError:
        return  # it has just failed again
    for name in (*LIBRARIES, *(f"attendance.ui.{page}" for page in PAGES)):
        if server.stopped.wait(BETWEEN_S):
            return
        importlib.import_module(name)
    _draw_once()
    heap.settle()
    log.info("pages_ready")


def _draw_once() -> None:
    """A chart, so that Altair has read its schema."""
    import altair as alt

    import attendance.ui.thresholds_charts  # noqa: F401 - the one page with Altair's

    alt.Chart(alt.Data(values=[])).mark_line().encode(x="t:Q", y="rate:Q").to_dict()  # type: ignore[no-untyped-call]
