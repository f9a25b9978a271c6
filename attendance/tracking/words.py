"""How the tracking speaks of errors and calls in its warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attendance.logs import masked
from attendance.tracking.batches import Batch
from attendance.tracking.entries import Artifact

if TYPE_CHECKING:
    from attendance.tracking.batches import Request


# What MLflow's own words mean for whoever has to mend it.
_MEANS = {
    "database is locked": "another process holds the file",
    "error code 401": "the user name, password or token is wrong or missing",
    "error code 403": "the server does not allow it, or does not know its own address (--allowed-hosts)",
    "error code 413": "a proxy in front of the server refuses requests of this size",
    "CERTIFICATE_VERIFY_FAILED": "the server's certificate is not trusted here (MLFLOW_TRACKING_SERVER_CERT_PATH)",
}


def say(error: BaseException) -> str:
    """An error for a log: its kind and first line, without secrets. Of a long one the middle is left out: MLflow's errors
    say at their start what was asked, and at their end what was wrong. Where we know what it means, that comes first."""
    text = str(error).strip()
    first = (text.splitlines() or [""])[0]
    means = next((f"{plain}: " for words, plain in _MEANS.items() if words in text), "")
    page = first.find(". Response body: '<")  # of a proxy
    whole = masked(f"{means}{type(error).__name__}: {first if page < 0 else first[:page]}")
    return whole if len(whole) <= 300 else f"{whole[:149]} … {whole[-148:]}"


def what(request: Request) -> dict[str, object]:
    """What a request carries, for a warning."""
    kind = type(request).__name__.lower()
    if isinstance(request, Batch):
        return {"what": kind, "names": [one.key for one in request.entries()]}
    if isinstance(request, Artifact):
        return {"what": kind, "names": [request.copy.name]}
    return {"what": kind, "run_name": request.run.name}
