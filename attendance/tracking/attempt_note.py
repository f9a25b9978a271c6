"""The description of a session's run: what each of its parameter sets came to, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attendance.tracking import views

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SET_DIGITS = 4  # of a parameter set's digest, in a run's name
_MOST = 40  # parameter sets; a tag, which holds the text, has room for 8,000 characters
# The table first, and narrow: MLflow folds all but the first five lines.
_HEAD = """| threshold | attempts | accepted | rate | median | p95 | set |
| --- | --- | --- | --- | --- | --- | --- |
"""
_FOOT = """
Each line is one set of parameters: the child run with the letters of `set` in its name, which has charts and a table of
attempts. `median` and `p95`: half and 95 % of the distances are below. A rate alone does not say who was accepted wrongly:
`python -m attendance calibrate` measures that.
"""
_COMPARED = 12  # of them side by side, the newest: their ids stand in the link


def note_on(children: Sequence[Any]) -> str:
    """Markdown for MLflow's page of the run.

    Args:
        children: its child runs, as MLflow's own entities.
    """
    lines = [_line(child) for child in children[:_MOST]]
    more = f"\n{len(children) - _MOST} more are in the list of runs.\n" if len(children) > _MOST else ""
    ids = [str(child.info.run_id) for child in children[-_COMPARED:]]
    link = ""
    if len(ids) > 1:
        link = f"\n[Compare the sets]({views.runs_link(str(children[-1].info.experiment_id), ids)})\n"
    return _HEAD + "".join(lines) + more + link + _FOOT


def _line(child: Any) -> str:
    found: Mapping[str, float] = child.data.metrics
    cells = [
        child.data.params.get("threshold", ""),
        _number(found.get("attempts"), ".0f"),
        _number(found.get("accepted"), ".0f"),
        _number(found.get("accept_rate"), ".1%"),
        _number(found.get("distance_median"), ".3f"),
        _number(found.get("distance_p95"), ".3f"),
        str(child.data.tags.get("parameter_set", ""))[:SET_DIGITS],
    ]
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
