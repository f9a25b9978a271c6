"""What all sessions of one server share: the parts, chosen once."""

from __future__ import annotations

import streamlit as st
import structlog

from attendance.bootstrap import Application, build
from attendance.settings import load

log = structlog.get_logger(__name__)


@st.cache_resource(show_spinner=False)
def application() -> Application:
    """Build the parts at the first visit; they live as long as the server.

    The pages never download anything: that is the work of `make run` and of `python -m attendance models --fetch`, which
    show progress, so that opening a page never waits for a network.

    Raises:
        AttendanceError: a setting, a model or the store cannot be used.
    """
    parts = build(load(offline=True))
    parts.prepare()
    log.info("app_ready", model=parts.engine.model.model_id)
    return parts


def forget_application() -> None:
    """Let the next visit build the parts anew, since they could not be built."""
    application.clear()


def follow_model_change() -> None:
    """Build the parts anew where `reembed`, in another process, has let another model decide.

    Only a setting that leaves the choice to the store follows it; where the setting names a model, a difference from the
    store's is an error that the operator has to mend.

    Raises:
        StoreError: the store is away.
    """
    parts = application()
    active = parts.store.active_model()
    if parts.settings.embedder == "auto" and active not in {None, parts.model.model_id}:
        log.info("model_changed", before=parts.model.model_id, now=active)
        forget_application()
