"""Single calls gathered into the fewest requests, each run's own in their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from attendance.tracking.entries import Artifact, Data, End, Metric, Param, Run, Start, Tag, View

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attendance.tracking.entries import Entry

# mlflow/utils/validation.py of 3.17: 1,000 metrics, 100 parameters, 100 tags and 1 MB a request. A metric takes about 150
# bytes and its name; half of the megabyte leaves room for escapes.
MOST_METRICS, MOST_PARAMS, MOST_TAGS, MOST_BYTES = 800, 100, 100, 500_000


@dataclass
class Batch:
    """What one request carries for one run."""

    run: Run
    metrics: list[Metric] = field(default_factory=list)
    params: list[Param] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    size: int = 0

    def __len__(self) -> int:
        return len(self.metrics) + len(self.params) + len(self.tags)

    def add(self, entry: Metric | Param | Tag) -> bool:
        """Take this one too; False where it is full."""
        size = len(entry.key) + (150 if isinstance(entry, Metric) else 30 + len(entry.value.encode()))
        full = (
            len(self.metrics) >= MOST_METRICS
            or len(self.params) >= MOST_PARAMS
            or len(self.tags) >= MOST_TAGS
            or (len(self) and self.size + size > MOST_BYTES)
        )
        if full:
            return False
        if isinstance(entry, Metric):
            self.metrics.append(entry)
        elif isinstance(entry, Param):
            self.params.append(entry)
        else:
            # one of a name: a request with two leaves it to the database which stays
            self.tags = [one for one in self.tags if one.key != entry.key] + [entry]
        self.size += size
        return True

    def entries(self) -> list[Metric | Param | Tag]:
        """What is in it."""
        return [*self.params, *self.tags, *self.metrics]

    def singles(self) -> list[Batch]:
        """The same, one call a request: where a whole batch is refused, only what is at fault is lost."""
        alone = []
        for entry in self.entries():
            batch = Batch(self.run)
            batch.add(entry)
            alone.append(batch)
        return alone


Request = Start | Batch | Artifact | Data | View | End


def gather(entries: Iterable[Entry]) -> list[Request]:
    """The requests that send these calls. When a start, an artifact or an end arrives, all that was called before it has."""
    requests: list[Request] = []
    open_batches: dict[Run, Batch] = {}
    for entry in entries:
        if isinstance(entry, Start | Artifact | Data | View | End):
            requests += [*open_batches.values(), entry]
            open_batches.clear()
            continue
        batch = open_batches.setdefault(entry.run, Batch(entry.run))
        if not batch.add(entry):
            requests.append(batch)
            open_batches[entry.run] = batch = Batch(entry.run)
            batch.add(entry)
    return requests + list(open_batches.values())
