"""The doctor's round: the shared checks, and whether the app could be started on this machine."""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING

from attendance import checks
from attendance import settings as settings_module
from attendance.bootstrap import build
from attendance.cli.failures import sentence
from attendance.errors import AttendanceError
from attendance.services.status import Finding, Status, damage_findings, found, worst

if TYPE_CHECKING:
    from collections.abc import Iterator


def examine() -> list[Finding]:
    """Run every check. Nothing is downloaded; nothing of people is written."""
    findings = found(checks.installation(), sentence)
    try:
        settings = settings_module.load()
    except AttendanceError as error:
        return [*findings, Finding("settings", Status.FAULT, sentence(error))]
    application = build(settings)
    try:
        findings += checks.of_store(application, sentence)
        rest = {**checks.changing(application), **checks.lasting(application), "port": _port}
        if worst(findings) is not Status.FAULT:
            rest = {"store": partial(damage_findings, application.store), **rest}
        return findings + found(rest, sentence)
    finally:
        application.close()


def _port() -> Iterator[Finding]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was in use a moment ago is free
        try:
            probe.bind(("127.0.0.1", checks.PORT))
        except OSError:
            advice = "Perhaps the app is running already; else start it with `make run PORT=8502`."
            yield Finding("port", Status.WARNING, f"{checks.PORT} is in use.", advice)
            return
    yield Finding("port", Status.OK, f"{checks.PORT} is free.")
