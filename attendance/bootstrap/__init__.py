"""The only place that chooses the parts. Each is made when it is first asked for, so that a command pays only for what it
uses: who lists people loads no model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from attendance import logs
from attendance.bootstrap.application import Application

if TYPE_CHECKING:
    from attendance.bootstrap.parts import Progress
    from attendance.settings import Settings

__all__ = ["Application", "build"]


def build(settings: Settings, *, progress: Progress | None = None, saved: bool = True) -> Application:
    """The application of these settings; nothing is opened, loaded or downloaded before it is needed."""
    if not structlog.is_configured():
        logs.configure()
    return Application(settings, progress=progress, saved=saved)
