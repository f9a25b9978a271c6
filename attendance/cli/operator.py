"""`operator`: who may sign in to the office: a new one-time link for the password, and an end to all sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attendance.cli import session
from attendance.cli.failures import Exit
from attendance.cli.output import emit, note, say
from attendance.cli.session import AsJson, opened

if TYPE_CHECKING:
    from attendance.bootstrap import Application

PORT = 8501  # of `make run`, where no server was ever started on this database


def operator(
    action: Annotated[Literal["link", "sign-out-all"], typer.Argument(metavar="link|sign-out-all", help="What to do.")],
    port: Annotated[
        int, typer.Option(help="The port on this machine; 0: that of the server started last.", min=0, max=65535)
    ] = 0,
    as_json: AsJson = False,
) -> int:
    """Print a one-time link that sets the operator's password, or sign out everybody."""
    with opened() as (application, _):
        if action == "link":
            return _link(application, port, as_json=as_json)
        ended = application.accounts.end_all(actor=session.operator())
        if as_json:
            emit({"ended": ended})
        else:
            say(f"Signed out everybody: {ended} {'session' if ended == 1 else 'sessions'} ended.")
        return Exit.DONE


def _link(application: Application, port: int, *, as_json: bool) -> int:
    token = application.accounts.new_link(actor=session.operator())
    base = application.settings.public_url.rstrip("/")
    here = f"http://localhost:{port}" if port else application.accounts.address() or f"http://localhost:{PORT}"
    url = f"{base or here}/in/setup?token={token}"
    if as_json:
        emit({"url": url, "hours": 24})
        return Exit.DONE
    say(url)
    note("It works once, within 24 hours, and ends the link before. Setting the password signs out everybody.")
    if not base:
        note("If the app is reached under another address, replace the beginning, or set ATTEND_PUBLIC_URL.")
    return Exit.DONE
