"""What is found of this server at one moment: the doctor's checks on its own parts, and how it is doing as a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attendance import checks
from attendance.api.running import running
from attendance.bootstrap import Application, build
from attendance.errors import AttendanceError
from attendance.services.status import Finding, Status, found, queue_findings
from attendance.ui.messages import sentence_for

if TYPE_CHECKING:
    from datetime import tzinfo

KEPT_S = 300  # what hardly changes is not looked at with every refresh


def findings() -> list[Finding]:
    """Everything; nothing is loaded or downloaded for it."""
    server = running()
    parts = server.application() if server.state == "ready" else None
    answer = list(_server_state())
    try:
        looked_at = parts or _without_models()
        answer += checks.of_store(looked_at, _sentence)
    except AttendanceError as error:
        answer.append(Finding("store", Status.FAULT, _sentence(error)))
        looked_at = build(server.settings, saved=False)
    quick = {name: check for name, check in checks.lasting(looked_at).items() if name not in SLOW}
    queue = server.queue
    return [
        *answer,
        *found({**checks.changing(looked_at), **quick}, _sentence),
        *queue_findings(queue.workers, queue.inside, queue.done, queue.shed),
        *_slow(),
    ]


SLOW = {"models"}  # reads and checks every model's file


def zone() -> tzinfo | None:
    """The site's time zone; None is the machine's own."""
    return build(running().settings, saved=False).zone


def _server_state() -> list[Finding]:
    server = running()
    if server.state == "ready":
        return []
    if server.error is None:
        return [Finding("server", Status.WARNING, "It is being loaded. Check-ins begin by themselves when it is ready.")]
    return [Finding("server", Status.FAULT, _sentence(server.error), "It is tried again every few seconds.")]


def _without_models() -> Application:
    """Parts that share the server's store, for as long as its own cannot be used. Raises StoreError."""
    parts = build(running().settings)
    parts.made["store"] = running().store
    parts.made["tracking"] = running().tracking
    return parts


@st.cache_data(ttl=KEPT_S, show_spinner=False)
def _slow() -> list[Finding]:
    server = running()
    parts = server.application() if server.state == "ready" else build(server.settings, saved=False)
    slow = {name: check for name, check in checks.lasting(parts).items() if name in SLOW}
    return found({**checks.installation(), **slow}, _sentence)


def _sentence(error: BaseException) -> str:
    return sentence_for(error) if isinstance(error, AttendanceError) else f"{error}."
