"""The peer of `make bench-load`: the same recognition in Streamlit's own script thread, as most apps do it.

Each run of the script looks at one frame and draws what came of it. It is spared the way of the frame to the server, which
ours is not: the frames lie in the folder that ATTEND_LOAD_FRAMES names.
"""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from attendance.bootstrap import Application, build
from attendance.settings import load


@st.cache_resource
def application() -> Application:
    """The same parts as ours, shared by all sessions."""
    parts = build(load(offline=True, threads=1))
    parts.prepare()
    _ = parts.live
    return parts


@st.cache_resource
def frames(person: str) -> list[bytes]:
    """Those of one person."""
    return [path.read_bytes() for path in sorted((Path(os.environ["ATTEND_LOAD_FRAMES"]) / person).iterdir())]


if "light" in st.query_params:
    st.title("Ready")
    st.write("Stand in front of the screen and look at the camera.")
elif "view" in st.query_params:
    number = st.session_state["number"] = st.session_state.get("number", 0) + 1
    shown = frames(st.query_params["person"])
    answer = application().live.look(st.query_params["view"], shown[number % len(shown)], device="peer")
    st.title(answer.screen.headline)
    st.write(answer.screen.help)
else:
    application()
    st.title("Ready")
