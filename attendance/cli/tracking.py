"""`tracking`: how the sending of attempts to MLflow is, and the switch; sends what waits; begins and ends experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from attendance.bootstrap.tracking import is_installed
from attendance.cli import session
from attendance.cli.failures import Exit
from attendance.cli.output import emit, note, say
from attendance.cli.session import AsJson, opened
from attendance.errors import SettingsError
from attendance.services.tracking_status import NOT_INSTALLED, TRY_AGAIN, counts, refusals, trouble

if TYPE_CHECKING:
    from attendance.bootstrap import Application
    from attendance.services.outbox_state import State

FLUSH_S = 60.0
Action = Literal["status", "flush", "on", "off", "begin", "end"]


def tracking(
    action: Annotated[Action, typer.Argument(metavar="status|flush|on|off|begin|end", help="What to do.")] = "status",
    name: Annotated[str, typer.Argument(help="Of the experiment that begins.")] = "",
    timeout: Annotated[float, typer.Option("--timeout", min=0, max=86_400, help="Seconds that flush may take.")] = FLUSH_S,
    as_json: AsJson = False,
) -> int:
    """Show what was sent to MLflow and what waits, send it now, switch the tracking, or begin an experiment."""
    with opened() as (application, _):
        parts, actor = application.tracking, session.operator()
        if action == "on":
            parts.switch.set(True, actor)
        elif action == "off":
            parts.switch.set(False, actor)
        elif action == "begin":
            if not parts.switch.is_on():
                raise SettingsError("Tracking is off. Switch it on first: python -m attendance tracking on", name="tracking")
            if not name.strip():
                raise typer.BadParameter("Give the experiment a name: python -m attendance tracking begin NAME")
            parts.sessions.begin(name, actor)
        elif action == "end" and parts.sessions.end(actor) is None:
            note("No experiment is under way.")
        state = parts.outbox.flush(timeout) if action == "flush" else parts.outbox.state()
        if as_json:
            emit(_document(application, state))
        else:
            _say(application, state)
        return Exit.REJECTED if action == "flush" and (state.waiting or state.refused.count) else Exit.DONE


def _document(application: Application, state: State) -> dict[str, Any]:
    experiment = application.tracking.sessions.experiment()
    return {
        "on": application.tracking.switch.is_on(),
        "experiment": None if experiment is None else experiment.name,
        "sent": state.sent,
        "waiting": state.waiting,
        "oldest_waiting_at_utc": state.oldest_waiting_at_utc,
        "last_success_at_utc": state.last_success_at_utc,
        "last_error": state.last_error,
        "last_error_at_utc": state.last_error_at_utc,
        "failing": state.failing,
        "refused": state.refused.count,
        "refused_reason": state.refused.reason,
        "refused_at_utc": state.refused.at_utc,
        "destination": state.destination,
        "installed": is_installed(),
    }


def _say(application: Application, state: State) -> None:
    experiment = application.tracking.sessions.experiment()
    say("Tracking is on." if application.tracking.switch.is_on() else "Tracking is off.")
    if experiment is not None:
        say(f"Experiment: {experiment.name}.")
    say(counts(state, application.zone))
    say(f"Sent to {state.destination}.")
    if not is_installed():
        note(NOT_INSTALLED)
    elif error := trouble(state, application.zone):
        note(error)
    if refused := refusals(state, application.zone):
        note(f"{refused} {TRY_AGAIN}")
