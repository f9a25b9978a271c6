"""How it is with the parts that a check-in needs: what was looked at, what was found, what to do.

Each check stands alone: one that fails says so and the others go on. `doctor` and the Status page show the same findings;
attendance/checks.py knows the parts to look at.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from attendance.domain.model import RecordFilter
from attendance.errors import AttendanceError, StoreUnavailableError
from attendance.services.clock import now_utc
from attendance.services.origin import PARAMS_FILE
from attendance.services.wording import moment_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import tzinfo

    from attendance.services.choices import Chosen, Value
    from attendance.services.clock import Clock
    from attendance.store.base import Store

LOW_DISK_MB, FULL_DISK_MB = 1_000, 100
SLOW_STORE_MS = 250  # a kiosk's answer is to come within this time altogether
PROBE = "probe"  # kind of the entry that proves that the store can be written
PROBE_LIFE = timedelta(minutes=1)  # how long it stays where the proof itself is killed
ENGINES = {"sqlite": "SQLite", "mongodb": "MongoDB"}
CLOCK_SLACK = timedelta(minutes=2)  # processes of one site may differ by this much
WITHOUT_PERSON = "Nobody has checked in yet."


class Status(StrEnum):
    """How a check came out, from good to bad."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, what to do."""

    check: str
    status: Status
    message: str
    advice: str = ""


def found(checks: Mapping[str, Callable[[], Iterable[Finding]]], sentence: Callable[[BaseException], str]) -> list[Finding]:
    """Run every check, in order.

    Args:
        checks: by the name under which a check that breaks off is reported.
        sentence: makes an error readable.
    """
    findings: list[Finding] = []
    for name, check in checks.items():
        try:
            findings.extend(check())
        except (AttendanceError, OSError) as error:
            findings.append(Finding(name, Status.FAULT, sentence(error)))
    return findings


def worst(findings: Iterable[Finding]) -> Status:
    """The worst of them; ok where there are none."""
    return max((finding.status for finding in findings), key=list(Status).index, default=Status.OK)


def headline(parts: Iterable[tuple[str, Status]]) -> tuple[str, Status]:
    """One sentence over all parts, by their names for people, and how bad it is."""
    by_status: dict[Status, list[str]] = {status: [] for status in Status}
    for name, status in parts:
        by_status[status].append(name)
    if by_status[Status.FAULT]:
        return f"Not working: {_listed(by_status[Status.FAULT])}.", Status.FAULT
    if by_status[Status.WARNING]:
        return f"It works. Worth a look: {_listed(by_status[Status.WARNING])}.", Status.WARNING
    return "All well.", Status.OK


def _listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; the names begin small, since they stand in a sentence."""
    small = [name[:1].lower() + name[1:] for name in names]
    return " and ".join(filter(None, [", ".join(small[:-1]), small[-1]]))


def store_findings(store: Store, clock: Clock = now_utc) -> Iterator[Finding]:
    """How quickly it answers, whether it can be written (that is tried), what is in it, and where it is."""
    started = time.perf_counter()
    info = store.info()
    took_ms = (time.perf_counter() - started) * 1000
    engine = f"{ENGINES.get(info.engine, info.engine)} {info.version}"
    if info.engine == "sqlite":
        yield from _writable_folder(Path(info.location.removeprefix("sqlite:///")).parent)
    prove_writable(store, clock)
    answers = f"answers in {took_ms:.0f} ms" if took_ms >= 1 else "answers within 1 ms"
    if took_ms > SLOW_STORE_MS:
        advice = "Check-ins wait for it: look at the database's machine and at the network."
        yield Finding("store", Status.WARNING, f"{engine} {answers}, and can be written.", advice)
    else:
        yield Finding("store", Status.OK, f"{engine} {answers}, and can be written.")
    people, pictures, records = store.count_people(), store.count_references(), store.count_check_ins()
    counted = (
        counted_text(people, "person", "people"),
        counted_text(pictures, "picture"),
        counted_text(records, "check-in"),
    )
    yield Finding("store", Status.OK, f"{', '.join(counted)}.")
    details = "".join(f", {key.replace('_', ' ')} {value}" for key, value in info.details.items())
    yield Finding("store", Status.OK, f"At {info.location}, schema {info.schema_version}{details}.")


def prove_writable(store: Store, clock: Clock = now_utc) -> None:
    """Store an entry, read it, and remove it again.

    Raises:
        StoreUnavailableError: the store is away, full or read-only, or gave something else back.
    """
    key = uuid.uuid4().hex
    store.keep(PROBE, key, {"key": key}, version=0, expires_at=clock() + PROBE_LIFE)
    kept = store.kept(PROBE, key)
    store.forget(PROBE, key)
    if kept is None or kept.value != {"key": key}:
        raise StoreUnavailableError("The database did not give back what it had stored.", reason="refused")


def _writable_folder(folder: Path) -> Iterator[Finding]:
    """SQLite's journal needs the folder as well. Tried, since permissions don't tell of a read-only disk."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        message = f"{folder} cannot be written to: {error.strerror}."
        yield Finding("store", Status.FAULT, message, "Change its owner or rights.")


def damage_findings(store: Store) -> Iterator[Finding]:
    """Whether all of the file can be read; raises where it cannot. Of a server, which is not looked through, nothing."""
    store.require_whole()
    if store.info().engine == "sqlite":
        yield Finding("store", Status.OK, "The file is whole.")


def template_findings(store: Store) -> Iterator[Finding]:
    """Whether every stored picture has a template of the model that decides."""
    active = store.active_model()
    for one in store.template_coverage():
        if one.model_id != active:
            continue
        left = one.references - one.templates - one.failed
        message = f"{one.templates:,} of {one.references:,} pictures have a template; {one.failed:,} cannot have one."
        if left:
            yield Finding("templates", Status.WARNING, message, "Run `python -m attendance reembed`.")
        else:
            yield Finding("templates", Status.OK, message)


def disk_findings(folders: Sequence[Path]) -> Iterator[Finding]:
    """Room on the disks of these folders, each disk once."""
    places = [next(parent for parent in (folder, *folder.parents) if parent.exists()) for folder in folders]
    for there in {place.stat().st_dev: place for place in places}.values():
        free_mb = shutil.disk_usage(there).free // 1_000_000
        status = Status.FAULT if free_mb < FULL_DISK_MB else Status.WARNING if free_mb < LOW_DISK_MB else Status.OK
        advice = "" if status is Status.OK else "Make room: a full disk stops the check-in."
        yield Finding("disk", status, f"{free_mb:,} MB are free at {there}.", advice)


def last_check_in_findings(store: Store, zone: tzinfo | None, clock: Clock = now_utc) -> Iterator[Finding]:
    """When the last record was made; a record from the future tells of a clock that was set back."""
    last = next(iter(store.check_in_page(RecordFilter(), limit=1)), None)
    if last is None:
        yield Finding("last check-in", Status.OK, WITHOUT_PERSON)
        return
    at = last[0].timestamp
    if at > clock() + CLOCK_SLACK:
        message = f"The last check-in lies in the future: {moment_text(at, zone, seconds=True)}."
        yield Finding("last check-in", Status.WARNING, message, "Set this machine's clock, or that of the other server.")
    else:
        yield Finding("last check-in", Status.OK, f"{moment_text(at, zone, seconds=True)}.")


def settings_findings(chosen: Chosen, file: Mapping[str, Value], below: str = PARAMS_FILE) -> Iterator[Finding]:
    """Which saved settings differ from what would hold without them; ``below`` says what that is called."""
    different = [name for name, value in chosen.values.items() if file.get(name) != value]
    if not different:
        yield Finding("saved settings", Status.OK, f"As in {below}.")
        return
    values = ", ".join(f"{name} is {text_of(chosen.values[name])} ({text_of(file[name])} there)" for name in different)
    yield Finding("saved settings", Status.OK, f"Saved over {below}, version {chosen.version}: {values}.")


def queue_findings(workers: int, inside: int, done: int, shed: int) -> Iterator[Finding]:
    """How busy recognition is.

    Args:
        workers: how many pictures are worked on at the same time.
        inside: pictures at work and waiting at this moment.
        done: pictures that were worked on since the start.
        shed: pictures that were turned away since the start because too many were waiting.
    """
    waiting = max(0, inside - workers)
    message = f"{inside - waiting} of {workers} at work, {waiting} waiting; {done:,} done and {shed:,} turned away so far."
    if waiting > workers:
        advice = "Kiosks wait for each other. More processors, and ATTEND_WORKERS to match, shorten it."
        yield Finding("queue", Status.WARNING, message, advice)
    else:
        yield Finding("queue", Status.OK, message)


def counted_text(number: int, one: str, many: str = "") -> str:
    """``1 picture``, ``2 pictures``, ``12,000 people``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def text_of(value: Value) -> str:
    """A setting's value as it is shown: on and off, numbers without needless zeros."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
