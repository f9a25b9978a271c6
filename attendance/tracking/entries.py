"""What waits to be sent: a run's start, parameters, metrics, tags, artifacts, views and end."""

from __future__ import annotations

import os
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def now_ms() -> int:
    """The time of a call, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(eq=False)
class Run:
    """One run, known to its caller at once and to the server as soon as the sender gets there.

    Attributes:
        key: ours, so that a run whose creation was never answered is found again rather than made twice.
        pid: the process that started it, which alone ends it.
        thread: of that process.
        run_id: the server's, once it is known. Set by the sender, like experiment_id and artifact_uri.
        lost: the run could not be started, and never will be.
        ended: the end has reached the server.
        status: as the caller sees it.
        params: what was logged, by clean name: a parameter cannot change within a run.
        names: each name that was used, and the clean one that stands for it in this run.
        stamps: the last step and time of each metric, since equal ones would lose the order.
        said: warnings that were given once for this run.
    """

    experiment: str
    name: str | None
    tags: dict[str, str]
    parent: Run | None
    start_ms: int = field(default_factory=now_ms)
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    pid: int = field(default_factory=os.getpid)
    thread: int = field(default_factory=threading.get_ident)
    run_id: str | None = None
    experiment_id: str | None = None
    artifact_uri: str | None = None
    lost: bool = False
    ended: bool = False
    status: str = "RUNNING"
    end_ms: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    stamps: dict[str, tuple[int, int]] = field(default_factory=dict)
    said: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Start:
    """A run begins."""

    run: Run


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter, cut to MLflow's length."""

    run: Run
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric at the time of its call."""

    run: Run
    key: str
    value: float
    at_ms: int
    step: int


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag; a later one of the same name replaces it."""

    run: Run
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """Our copy of a file or folder, in a folder of its own, removed when it has been sent."""

    run: Run
    copy: Path
    folder: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Data:
    """The data that a run was made with, as MLflow's own data inputs: told apart by name and digest."""

    run: Run
    name: str
    digest: str
    source: str
    profile: str
    context: str


@dataclass(frozen=True, slots=True)
class View:
    """What a page of MLflow's shows, as a tag of the run's experiment; ``views.py`` makes and names it."""

    run: Run
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class End:
    """A run ends."""

    run: Run
    status: str
    at_ms: int


Entry = Start | Param | Metric | Tag | Artifact | Data | View | End
