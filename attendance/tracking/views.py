"""Pages of `mlflow ui` that a link opens: a run's own, and a comparison of its children, its columns and charts laid out.

MLflow keeps what a page shows, under "Share view", as a tag of the experiment. Its names are those of
``ExperimentPageUIState`` and ``RunsChartsCardConfig`` in MLflow 3.17's pages; a name that another version does not know is
left out by it, and a view that it cannot read becomes the plain list of runs.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

VIEW_TAG = "mlflow.sharedViewState."
NOTE_TAG = "mlflow.note.content"  # shown as the description of a run, and above an experiment's pages
NOTE_LENGTH = 5_000  # of an experiment's tag (mlflow/utils/validation.py of 3.17)
_TRAINING = "workflowType=machine_learning"  # else a new visitor gets the pages about language models
_USER_INFO = re.compile(r"(?<=//)[^/@]*@")


def comparison(parent_id: str, parameters: Sequence[str], metrics: Sequence[str]) -> str:
    """The view of a run's children: a list with these columns, a line for each through all of them, and each metric against
    the first parameter.

    Args:
        parent_id: of the run.
        parameters: the first is drawn along the x axis.
        metrics: the last one gives the lines their colours.
    """
    columns = [*(f"params.`{name}`" for name in parameters), *(f"metrics.`{name}`" for name in metrics)]
    lines: dict[str, Any] = {
        "type": "PARALLEL",
        "selectedParams": list(parameters),
        "selectedMetrics": list(metrics),
        "showAllRuns": True,
    }
    x = {"key": parameters[0], "type": "PARAM"}
    points: list[dict[str, Any]] = [
        {"type": "SCATTER", "xaxis": x, "yaxis": {"key": name, "type": "METRIC"}} for name in metrics
    ]
    cards = [{"metricSectionId": "all", **lines}, *({"metricSectionId": "each", **one} for one in points)]
    every = {"runsCountToCompare": 100, "deleted": False, "isGenerated": False}
    places = (("all", "Side by side", 1), ("each", f"Against {parameters[0]}", 2))
    kept = {"display": True, "isReordered": False, "deleted": False, "isGenerated": False}
    view = {
        "searchFilter": f"tags.`mlflow.parentRunId` = '{parent_id}'",
        "orderByKey": columns[0],
        "orderByAsc": True,
        "selectedColumns": columns,
        "runsHiddenMode": "SHOW_ALL",
        "isAccordionReordered": True,  # else the sections stand by name
        "compareRunCharts": [{"uuid": f"card-{at}", **one, **every} for at, one in enumerate(cards)],
        "compareRunSections": [{"uuid": uuid, "name": name, "columns": wide, **kept} for uuid, name, wide in places],
    }
    return json.dumps(view, separators=(",", ":"))


def comparison_link(experiment_id: str, key: str) -> str:
    """The comparison kept under this key, from any other page of the same server."""
    return f"#/experiments/{experiment_id}/runs?viewStateShareKey={key}&compareRunsMode=CHART&{_TRAINING}"


def runs_link(experiment_id: str, run_ids: Sequence[str]) -> str:
    """MLflow's page that compares these runs: in parallel coordinates, the parameters in which they differ and the first
    metric by name."""
    runs, experiments = (quote(json.dumps(ids, separators=(",", ":"))) for ids in (list(run_ids), [experiment_id]))
    return f"#/compare-runs?runs={runs}&experiments={experiments}"


def run_place(experiment_id: str, run_id: str) -> str:
    """A run's page, from any other page of the same server."""
    return f"#/experiments/{experiment_id}/runs/{run_id}?{_TRAINING}"


def run_link(uri: str, experiment_id: str, run_id: str) -> str | None:
    """A run's page, without the user name and password of the URI; None where the URI is no server's."""
    if not uri.startswith(("http://", "https://")):
        return None
    server = _USER_INFO.sub("", uri).rstrip("/")
    return f"{server}/{run_place(experiment_id, run_id)}"
