"""Attempts as a check-in leaves them, for the tests of what MLflow sees of them, and what they leave in MLflow."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attendance.domain.model import Attempt, Decision, Mode, Outcome, Reason, RecognitionOptions
from attendance.tracking.base import Dataset, Numbered, Session, Summary
from attendance.tracking.client import open_client

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlflow import MlflowClient
    from mlflow.entities import Run

START = datetime(2025, 3, 3, 8, 0, tzinfo=UTC)
SESSION = Session("session-1", "main door", START, "main")
DATASET = Dataset(images=12, identities=4)
PEOPLE = ("Ada", "Grace", "Katherine", "Mary")


class Notebook:
    """Remembers in memory, first write wins; ``kept`` outlives a sink as a store would."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def recall(self, key: str) -> str | None:
        return self.kept.get(key)

    def remember(self, key: str, value: str) -> str:
        return self.kept.setdefault(key, value)


def attempt(number: int, *, threshold: float = 0.53, **changes: Any) -> Attempt:
    """Attempt number so and so: each fifth is rejected."""
    distance = 0.30 + (number * 37 % 100) / 400 if number % 5 else 0.70
    accepted = distance <= threshold
    name = PEOPLE[number % len(PEOPLE)] if accepted else None
    values: dict[str, Any] = {
        "attempt_id": f"attempt-{number:06}",
        "at_utc": START + timedelta(seconds=number),
        "mode": Mode.IDENTIFICATION,
        "decision": Decision.ACCEPTED if accepted else Decision.REJECTED,
        "reason": Reason.MATCH if accepted else Reason.NO_MATCH,
        "outcome": Outcome.RECORDED if accepted else Outcome.NONE,
        "records": True,
        "entered_name": name,
        "person_id": f"id-{name}" if name else None,
        "person_name": name,
        "nearest_person_id": f"id-{name}" if name else "id-Ada",
        "distance_l2": distance,
        "runner_up_l2": distance + 0.2,
        "threshold": threshold,
        "model_id": "dlib/resnet-v1/aligned/flip",
        "parameters": RecognitionOptions().as_dict() | {"cooldown_s": 60.0},
        "quality": {"sharpness": 120.0 + number % 50, "brightness": 128.0, "yaw_ratio": 0.02},
        "timings_ms": {"decode": 2.0, "detect": 8.0, "embed": 4.5 + number % 7 / 10, "total": 16.0 + number % 11},
        "source": "kiosk",
        "site": "main",
        "day": "2025-03-03",
    }
    return Attempt(**(values | changes))


def numbered(numbers: Iterable[int], **changes: Any) -> list[Numbered]:
    """These attempts, as the outbox gives them out."""
    return [Numbered(number, attempt(number, **changes)) for number in numbers]


def summary_of(count: int, threshold: float) -> Summary:
    """What so many attempts come to, from number 1 on."""
    found = [one.attempt for one in numbered(range(1, min(count, 2_000) + 1), threshold=threshold)]
    distances = sorted(one.distance_l2 or 0.0 for one in found)
    accepted = sum(one.decision is Decision.ACCEPTED for one in found)
    shares = {"p05": 0.05, "p25": 0.25, "p50": 0.50, "p75": 0.75, "p95": 0.95}
    quantiles = {name: distances[int(share * (len(distances) - 1))] for name, share in shares.items()}
    return Summary(count, round(count * accepted / len(found)), quantiles)


class Seen:
    """What is in MLflow's experiment of this name."""

    def __init__(self, uri: str, experiment: str) -> None:
        self.client: MlflowClient = open_client(uri)
        found = self.client.get_experiment_by_name(experiment)
        self.runs: list[Run] = [] if found is None else list(self.client.search_runs([found.experiment_id]))
        self.parents = [run for run in self.runs if "mlflow.parentRunId" not in run.data.tags]
        self.children = [run for run in self.runs if "mlflow.parentRunId" in run.data.tags]

    def history(self, run: Run, metric: str = "verification_distance") -> list[tuple[int, float]]:
        """Step and value of each entry, by step."""
        return sorted((one.step, one.value) for one in self.client.get_metric_history(run.info.run_id, metric))

    def steps(self, metric: str = "verification_match") -> Counter[int]:
        """How often each number was stored, over all children."""
        return Counter(step for run in self.children for step, _ in self.history(run, metric))

    def rows(self, run: Run) -> list[dict[str, Any]]:
        """The rows of all tables of a run."""
        found = []
        for file in self.client.list_artifacts(run.info.run_id, "attempts"):
            text = Path(self.client.download_artifacts(run.info.run_id, file.path)).read_text(encoding="utf-8")
            table = json.loads(text)
            found += [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
        return found
