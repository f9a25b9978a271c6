"""`verify`, `identify`, `check-in`: one picture, one decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from attendance.cli.failures import Exit
from attendance.cli.output import emit, say
from attendance.cli.session import AsJson, Picture, opened, read_picture, say_model
from attendance.domain.model import Decision, Mode, Outcome, Reason
from attendance.domain.policy import checked_attempt_id
from attendance.errors import SettingsError

if TYPE_CHECKING:
    from attendance.domain.model import Attempt
    from attendance.services.checkin import AttemptResult

AttemptId = Annotated[
    str | None,
    typer.Option("--attempt-id", help="Sent again with the same id, an attempt gives its first answer and stores nothing."),
]


def verify(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who it is said to be: name or staff number.")],
    picture: Picture,
    as_json: AsJson = False,
) -> int:
    """Tell whether a picture shows this person; records nothing."""
    return _attempt(picture, claimed=name, records=False, as_json=as_json)


def identify(picture: Picture, as_json: AsJson = False) -> int:
    """Tell who a picture shows, or nobody; records nothing."""
    return _attempt(picture, records=False, as_json=as_json)


def check_in(
    picture: Picture,
    claimed: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Who it is said to be; without it, everybody is searched.")
    ] = None,
    attempt_id: AttemptId = None,
    as_json: AsJson = False,
) -> int:
    """Recognise a person and record the attendance."""
    return _attempt(picture, claimed=claimed, attempt_id=attempt_id, records=True, as_json=as_json)


def _attempt(path: str, *, records: bool, as_json: bool, claimed: str | None = None, attempt_id: str | None = None) -> int:
    if attempt_id is not None:
        _require_attempt_id(attempt_id)
    with opened() as (application, _):
        picture = read_picture(path, application.settings.max_image_bytes)
        application.prepare()
        say_model(application)
        result = application.checkin.attempt(picture, claimed=claimed, attempt_id=attempt_id, records=records, source="cli")
        if as_json:
            emit(document(result))
        else:
            say(_sentence(result), mark=result.attempt.decision)
    return _code(result.attempt)


def _require_attempt_id(text: str) -> None:
    try:
        checked_attempt_id(text)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error


def document(result: AttemptResult) -> dict[str, Any]:
    """The answer as JSON; docs/cli.md explains each field."""
    attempt = result.attempt
    return {
        "decision": attempt.decision,
        "reason": attempt.reason,
        "outcome": attempt.outcome,
        "mode": attempt.mode,
        "person": attempt.person_name,
        "person_id": attempt.person_id,
        "claimed": attempt.entered_name if attempt.mode is Mode.VERIFICATION else None,
        "distance_l2": attempt.distance_l2,
        "runner_up_l2": attempt.runner_up_l2,
        "threshold": attempt.threshold,
        "model_id": attempt.model_id,
        "faces": [{"box": face["box"], "confidence": face["confidence"]} for face in result.faces],
        "quality": attempt.quality,
        "timings_ms": result.timings_ms,
        "words": {"headline": result.words.headline, "help": result.words.help},
        "attempt_id": attempt.attempt_id,
        "at_utc": attempt.at_utc,
        "check_in_at_utc": attempt.check_in_at_utc,
    }


def _sentence(result: AttemptResult) -> str:
    attempt = result.attempt
    compared = (
        "" if attempt.distance_l2 is None else f" (distance {attempt.distance_l2:.3f}, threshold {attempt.threshold:g})"
    )
    who = attempt.person_name or "Nobody"
    if attempt.decision is Decision.ACCEPTED:
        done = {Outcome.RECORDED: ", recorded", Outcome.ALREADY: ", already checked in"}.get(attempt.outcome, "")
        return f"accepted: {who}{done}{compared}. {result.words.help}"
    return f"rejected: {attempt.reason}{compared}. {result.words.headline}. {result.words.help}"


def _code(attempt: Attempt) -> Exit:
    if attempt.decision is Decision.ACCEPTED:
        return Exit.DONE
    special = {Reason.UNREADABLE_PICTURE: Exit.PICTURE, Reason.NOT_ENROLLED: Exit.PERSON}
    return special.get(attempt.reason, Exit.REJECTED)
