"""How the tracking is, in the sentences that the check-in page, the Status page, `doctor` and the command line share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attendance.services.status import Finding, Status
from attendance.services.wording import moment_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from attendance.services.outbox_state import State

CHECK = "tracking"
WHAT_IT_DOES = "Sends each attempt's numbers and who was recognised to MLflow, to compare thresholds; no pictures."
TRY_AGAIN = "`python -m attendance tracking flush` tries them again."
NOT_INSTALLED = "MLflow is not installed: attempts wait until it is."


def counts(state: State, zone: tzinfo | None) -> str:
    """Such as: 1,204 sent, 3 waiting, the oldest since 1 March 2026, 09:02:11."""
    oldest = state.oldest_waiting_at_utc
    since = f", the oldest since {moment_text(oldest, zone, seconds=True)}" if oldest is not None else ""
    return f"{state.sent:,} sent, {state.waiting:,} waiting{since}."


def trouble(state: State, zone: tzinfo | None) -> str:
    """The last error while it stands; empty where the last try went well."""
    if not state.failing or state.last_error_at_utc is None:
        return ""
    return (
        f"Not reached at {moment_text(state.last_error_at_utc, zone, seconds=True)}: {state.last_error or ''}".rstrip(".")
        + "."
    )


def refusals(state: State, zone: tzinfo | None) -> str:
    """What MLflow will never take as it is, with the last reason; empty where there is nothing of the kind."""
    refused = state.refused
    if not refused.count or refused.at_utc is None:
        return ""
    was = "attempt was" if refused.count == 1 else "attempts were"
    return (
        f"{refused.count:,} {was} refused by MLflow and set aside, the last at"
        f" {moment_text(refused.at_utc, zone, seconds=True)}: {refused.reason or ''}".rstrip(".")
        + "."
    )


def tracking_findings(
    *, on: bool, state: State, installed: bool, experiment: str | None, zone: tzinfo | None
) -> Iterator[Finding]:
    """Whether attempts are tracked, how many wait, where they go, and what stands in the way.

    Args:
        on: whether attempts are tracked.
        state: of the sender.
        installed: whether MLflow is.
        experiment: the name of the operator's experiment that is under way.
        zone: of the site.
    """
    if refused := refusals(state, zone):
        yield Finding(CHECK, Status.WARNING, refused, TRY_AGAIN)
    if not on and not state.waiting:
        yield Finding(CHECK, Status.OK, "Off: attempts are not tracked.")
        return
    first = "On." if on else "Off; what was made while it was on is still sent."
    yield Finding(CHECK, Status.OK, f"{first} {counts(state, zone)}")
    if experiment is not None:
        yield Finding(CHECK, Status.OK, f"Attempts belong to the experiment {experiment}.")
    yield Finding(CHECK, Status.OK, f"Sent to {state.destination}.")
    if state.last_success_at_utc is not None:
        yield Finding(CHECK, Status.OK, f"The last arrived at {moment_text(state.last_success_at_utc, zone, seconds=True)}.")
    if not installed:
        yield Finding(CHECK, Status.WARNING, NOT_INSTALLED, "Run `make setup`.")
    elif error := trouble(state, zone):
        yield Finding(CHECK, Status.WARNING, error, "Nothing is lost; it is tried again by itself.")
