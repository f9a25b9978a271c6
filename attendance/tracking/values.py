"""Whatever a caller logs, as MLflow accepts it. Sizes and characters: mlflow/utils/validation.py of 3.17."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import threading

KEY_LENGTH = 250
PARAM_LENGTH = 6000
TAG_LENGTH = 8000
EXPERIMENT_LENGTH = 500
DATASET_NAME_LENGTH = 500
DATASET_DIGEST_LENGTH = 36
_REFUSED = re.compile(r"[^/\w.\- :]")
_INT64 = 2**63 - 1


def text(value: object) -> str:
    """``str(value)`` without what databases refuse: lone surrogates and the null character."""
    return str(value).encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")


def path(name: str) -> str:
    """A relative path in its shortest form, with nothing that leads out of its folder; empty where nothing is left."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    whole = "/".join("__" if part == ".." else part for part in parts)
    return f"__{whole[2:]}" if whole.startswith("..") else whole  # MLflow refuses names that begin so


def key(name: object) -> str:
    """A name of a parameter, metric or tag: refused characters become ``_``, a long one keeps its start and a digest."""
    whole = text(name)
    clean = path(_REFUSED.sub("_", whole)) or "_"
    if len(clean) <= KEY_LENGTH:
        return clean
    return f"{clean[: KEY_LENGTH - 9]}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def number(value: object) -> float | None:
    """A metric's value, or None where it is no real number. NaN and the infinities are numbers.

    Accepted is what ``float`` accepts (numpy's scalars, ``Decimal``, ``True`` as 1.0), arrays of one element, and a span of
    time, as seconds.
    """
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    try:
        return float(value.item() if hasattr(value, "item") else value)  # type: ignore[arg-type]  # that is the question
    except (TypeError, ValueError, OverflowError):
        return None


def seconds(value: object) -> float:
    """How long somebody is ready to wait: at least 0, which is also what stands for no number, at most what a lock takes."""
    return min(max(0.0, number(value) or 0.0), threading.TIMEOUT_MAX)


def step(value: object) -> int | None:
    """A step as a 64-bit integer; no step is step 0, as in MLflow. None where it is no number at all."""
    if value is None:
        return 0
    try:
        return max(-_INT64, min(_INT64, int(value)))  # type: ignore[call-overload, no-any-return]  # that is the question
    except (TypeError, ValueError, OverflowError):
        return None
