"""How the tracking speaks of errors and calls in its warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attendance.logs import masked
from attendance.tracking.batches import Batch
from attendance.tracking.entries import Artifact

if TYPE_CHECKING:
    from attendance.tracking.batches import Request


def say(error: BaseException) -> str:
    """An error for a log: its kind and first line, without secrets. Of a long one the middle is left out: MLflow's errors
    say at their start what was asked, and at their end what was wrong."""
    first = (str(error).strip().splitlines() or [""])[0]
    whole = masked(f"{type(error).__name__}: {first}")
    return whole if len(whole) <= 300 else f"{whole[:149]} … {whole[-148:]}"


def what(request: Request) -> dict[str, object]:
    """What a request carries, for a warning."""
    kind = type(request).__name__.lower()
    if isinstance(request, Batch):
        return {"what": kind, "names": [one.key for one in request.entries()]}
    if isinstance(request, Artifact):
        return {"what": kind, "names": [request.copy.name]}
    return {"what": kind, "run_name": request.run.name}
