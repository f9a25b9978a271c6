"""How the tracking speaks of errors and calls in its warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attendance.logs import masked
from attendance.tracking.batches import Batch
from attendance.tracking.entries import Artifact

if TYPE_CHECKING:
    from attendance.tracking.batches import Request


def say(error: BaseException) -> str:
    """An error for a log: its kind and first line, without secrets."""
    first = (str(error).strip().splitlines() or [""])[0]
    return masked(f"{type(error).__name__}: {first}")[:300]


def what(request: Request) -> dict[str, object]:
    """What a request carries, for a warning."""
    kind = type(request).__name__.lower()
    if isinstance(request, Batch):
        return {"what": kind, "names": [one.key for one in request.entries()]}
    if isinstance(request, Artifact):
        return {"what": kind, "names": [request.copy.name]}
    return {"what": kind, "run_name": request.run.name}
