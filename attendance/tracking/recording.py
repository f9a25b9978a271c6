"""What is logged to a run, made acceptable to MLflow; each change of it is said once a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from attendance.tracking import values
from attendance.tracking.entries import Metric, Param, Run, Tag, now_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

log = structlog.get_logger(__name__)


def warn_once(run: Run, event: str, name: str, **facts: object) -> None:
    """A warning that is given once for this run and name, since it may come from a loop."""
    if (event, name) not in run.said:
        run.said.add((event, name))
        log.warning(event, run_name=run.name, name=name, **facts)


def name_in(run: Run, name: object) -> str:
    """The name that stands for this one in the run: MLflow's characters only, and no other name's."""
    whole = str(name)
    if (known := run.names.get(whole)) is not None:
        return known
    clean = first = values.key(name)
    taken = set(run.names.values())
    number = 2
    while clean in taken:
        clean, number = f"{first[: values.KEY_LENGTH - 8]}_{number}", number + 1
    run.names[whole] = clean
    if clean != whole:
        warn_once(run, "tracking_name_changed", whole[:100], logged_as=clean, why="MLflow refuses its characters or length")
    return clean


def param(run: Run, name: object, value: object) -> Param | None:
    """A parameter, cut to MLflow's length; None where the run has it already."""
    key = name_in(run, name)
    whole = values.text(value)
    cut = whole[: values.PARAM_LENGTH]
    if key in run.params:
        if (kept := run.params[key]) != cut:
            warn_once(run, "tracking_param_changed", key, kept=kept[:100], refused=cut[:100], why="a run keeps its first")
        return None
    run.params[key] = cut
    if len(cut) < len(whole):
        warn_once(run, "tracking_value_cut", key, characters=len(whole), kept=len(cut))
    return Param(run, key, cut)


def metric(run: Run, name: object, value: object, step: object) -> Metric | None:
    """A metric now; None where the value is no number."""
    key = name_in(run, name)
    number = values.number(value)
    if number is None:
        warn_once(run, "tracking_no_number", key, got=type(value).__name__)
        return None
    at_step = values.step(step)
    if at_step is None:
        warn_once(run, "tracking_no_step", key, got=type(step).__name__, logged_at=0)
        at_step = 0
    last_step, last_ms = run.stamps.get(key, (None, 0))
    at_ms = now_ms()
    if at_step == last_step and at_ms <= last_ms:
        at_ms = last_ms + 1  # MLflow orders equal steps by time, and equal times by value
    run.stamps[key] = (at_step, at_ms)
    return Metric(run, key, number, at_ms, at_step)


def tag(run: Run, name: object, value: object) -> Tag:
    """A tag, cut to MLflow's length."""
    key = name_in(run, name)
    whole = values.text(value)
    if len(whole) > values.TAG_LENGTH:
        warn_once(run, "tracking_value_cut", key, characters=len(whole), kept=values.TAG_LENGTH)
    return Tag(run, key, whole[: values.TAG_LENGTH])


def first_tags(run: Run, tags: Mapping[str, Any] | None) -> dict[str, str]:
    """The tags that a run starts with; its name, where one was given, wins over a tag of the name."""
    made = [tag(run, name, value) for name, value in dict(tags or {}).items()]
    return {one.key: one.value for one in made if not (one.key == "mlflow.runName" and run.name)}
