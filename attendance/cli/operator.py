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

PORT = 8501  # of `make run`, which is Streamlit's own default


def operator(
    action: Annotated[Literal["link", "sign-out-all"], typer.Argument(metavar="link|sign-out-all", help="What to do.")],
    as_json: AsJson = False,
) -> int:
    """Print a one-time link that sets the operator's password, or sign out everybody."""
    with opened() as (application, _):
        if action == "link":
            return _link(application, as_json=as_json)
        ended = application.accounts.end_all(actor=session.operator())
        if as_json:
            emit({"ended": ended})
        else:
            say(f"Signed out everybody: {ended} {'session' if ended == 1 else 'sessions'} ended.")
        return Exit.DONE


def _link(application: Application, *, as_json: bool) -> int:
    token = application.accounts.new_link(actor=session.operator())
    base = application.settings.public_url.rstrip("/")
    url = f"{base or f'http://localhost:{PORT}'}/in/setup?token={token}"
    if as_json:
        emit({"url": url, "hours": 24})
        return Exit.DONE
    say(url)
    note("It works once, within 24 hours, and ends the link before. Setting the password signs out everybody.")
    if not base:
        note("If the app is reached under another address, replace the beginning, or set ATTEND_PUBLIC_URL.")
    return Exit.DONE
