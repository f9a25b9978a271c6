"""Check in: the live kiosk, and the way with a button where live does not work.

Both are one component, so that the panel and the picture keep their places. It stands first on the page, in a container of
its own: an element that came and went above it would start the camera anew.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import streamlit as st

from attendance.api.kiosk_wire import clock
from attendance.api.running import running
from attendance.errors import AttendanceError
from attendance.ui import operator
from attendance.ui.kiosk import HERE, markup, script, style
from attendance.ui.snapshot import claim_from, snapshot

KEY = "kiosk"
WAY = "kiosk_way"  # live or snapshot; remembered for this visitor's session
CHOSEN = "kiosk_chosen"  # the visitor asked for the live camera: it is not given up by itself again

_kiosk = st.components.v2.component("attend_kiosk", html=markup(), css=style(), js=script())


def kiosk_page() -> None:
    """The page at the door: nothing but the kiosk, as high as the window."""
    st.html(HERE / "page.css")
    place = st.container()
    is_snapshot = st.session_state.get(WAY) == "snapshot"
    answer = snapshot() if is_snapshot else None
    data = {
        "operator": operator.who() is not None,
        "status": _status(),
        "snapshot": is_snapshot,
        "may_switch": not st.session_state.get(CHOSEN),
        "answer": answer,
    }
    with place:
        _kiosk(key=KEY, data=data, on_way_change=_switch, on_claim_change=_claim, on_retry_change=_retry)


def _status() -> dict[str, Any]:
    """What the screen shows before it has asked the server, and where it cannot ask."""
    here = running()
    with suppress(AttendanceError):  # the screen says by itself what is away
        here.follow()
    mode = here.application().live.policy.mode if here.state == "ready" else here.settings.params.policy.kiosk_mode
    names = operator.role() in {"operator", "paired"}
    return {"site": here.settings.site, "clock": clock(here.settings), "mode": mode, "names": names}


def _switch() -> None:
    """The component found out that live cannot work here, or the visitor chose the other way."""
    way = st.session_state[KEY].get("way")
    if way in {"snapshot", "live"}:
        st.session_state[WAY] = way
        st.session_state[CHOSEN] = way == "live"


def _claim() -> None:
    claim_from(st.session_state[KEY].get("claim"))


def _retry() -> None:
    """Nothing but another run of the script, which tries a picture without an answer again."""
