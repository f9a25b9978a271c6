"""What MLflow gets to see of an attempt: parameters and metrics of its run, and its row in the table of attempts."""

from __future__ import annotations

import math
from importlib import metadata
from typing import TYPE_CHECKING, Any

from attendance import __version__
from attendance.domain.model import Decision
from attendance.tracking import values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from attendance.domain.model import Attempt
    from attendance.tracking.base import Numbered, Summary

# Libraries that can change a distance, with mlflow itself.
_LIBRARIES = ("mlflow-skinny", "numpy", "onnxruntime", "opencv-python-headless", "openvino")


def at_ms(attempt: Attempt) -> int:
    """When it was made, in milliseconds since 1970: the same at every sending, so that MLflow stores a metric once."""
    return round(attempt.at_utc.timestamp() * 1000)


def identity(attempt: Attempt, pseudonyms: Callable[[str], str] | None) -> str | None:
    """Who was verified: the name or, where pseudonyms are wanted, the pseudonym of the person's id; None: nobody was."""
    if attempt.decision is not Decision.ACCEPTED:
        return None
    if pseudonyms is None:
        return attempt.person_name or attempt.person_id
    who = attempt.person_id or attempt.person_name
    return None if who is None else pseudonyms(who)


def parameters(attempt: Attempt) -> dict[str, str]:
    """The parameters of the run that attempts like this one belong to, with MLflow's characters and lengths.

    The versions are those of this process unless the attempt carries its own.
    """
    found: dict[str, object] = {
        "app_version": __version__,
        **{f"{name.replace('-', '_')}_version": version for name, version in _versions()},
        **attempt.parameters,
        "model": attempt.model_id,
        "threshold": attempt.threshold,
    }
    return {values.key(name): values.text(value)[: values.PARAM_LENGTH] for name, value in found.items()}


def _versions() -> Iterator[tuple[str, str]]:
    for name in _LIBRARIES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:  # one that this installation does without
            continue


def metrics(attempt: Attempt) -> Iterator[tuple[str, float]]:
    """Name and value of each metric that every attempt has for itself; what is no finite number is left out."""
    yield from _finite("verification_distance", attempt.distance_l2)
    yield from _finite("verification_threshold", attempt.threshold)
    yield "verification_match", float(attempt.decision is Decision.ACCEPTED)


def measured(attempt: Attempt) -> Iterator[tuple[str, float]]:
    """Its timings and quality. A slash makes a section in MLflow's page of charts."""
    for name, value in attempt.timings_ms.items():
        yield from _finite(values.key(f"timing/{name}_ms"), value)
    for name, value in (attempt.quality or {}).items():
        yield from _finite(values.key(f"quality/{name}"), value)


def means(attempts: Iterable[Attempt]) -> Iterator[tuple[str, float]]:
    """Timings and quality over several attempts: each in its own right would be most of what MLflow had to keep, and the
    table of attempts has them all."""
    found: dict[str, list[float]] = {}
    for attempt in attempts:
        for name, value in measured(attempt):
            found.setdefault(name, []).append(value)
    for name, several in found.items():
        yield name, math.fsum(several) / len(several)


def _finite(name: str, value: object) -> Iterator[tuple[str, float]]:
    number = values.number(value)
    if number is not None and math.isfinite(number):
        yield name, number


def row(numbered: Numbered, pseudonyms: Callable[[str], str] | None) -> dict[str, Any]:
    """The attempt as a row of the table, by column; plain values of JSON."""
    attempt = numbered.attempt
    found = dict(metrics(attempt))
    runner_up = dict(_finite("runner_up", attempt.runner_up_l2)).get("runner_up")
    return {
        "number": numbered.number,
        "time_utc": attempt.at_utc.isoformat(timespec="milliseconds"),
        "verified_identity": _text(identity(attempt, pseudonyms)),
        "decision": str(attempt.decision),
        "reason": str(attempt.reason),
        "verification_distance": found.pop("verification_distance", None),
        "verification_threshold": found.pop("verification_threshold", None),
        "verification_match": found.pop("verification_match"),
        "runner_up_distance": runner_up,
        "mode": str(attempt.mode),
        "outcome": str(attempt.outcome),
        "source": _text(attempt.source),
        "site": _text(attempt.site),
        "attempt_id": _text(attempt.attempt_id),
        **dict(measured(attempt)),
    }


def _text(value: str | None) -> str | None:
    return None if value is None else values.text(value)


def summary_metrics(summary: Summary) -> Iterator[tuple[str, float]]:
    """A summary's metrics, by the names that the list of runs and the compare view show."""
    yield "attempts", float(summary.attempts)
    yield "accepted", float(summary.accepted)
    if summary.attempts:
        yield "accept_rate", summary.accepted / summary.attempts
    for name, value in summary.distances.items():
        yield from _finite("distance_median" if name == "p50" else values.key(f"distance_{name}"), value)
