"""Which registered recogniser decides: whether a challenger may take the champion's place, and the way back.

Both have to be measured on the same data, told by the data's digest. What is compared are the rates that people at the door
meet, each recogniser at its own threshold, pictures without a usable face included. One that is worse in any of them does
not pass by itself: to trade one error for another is a person's decision, and is recorded with the reason.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from attendance.domain.registered import CHALLENGER, CHAMPION
from attendance.services.audit import recorded
from attendance.services.wording import share

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attendance.domain.registered import Version
    from attendance.services.clock import Clock
    from attendance.services.error_report import ErrorReport
    from attendance.store.base import Store

EVALUATION: Final = "evaluation."  # a version's tag, followed by the digest of the data
CHAMPIONS: Final = "champions"  # the model's tag: every champion in order, the present one last
PROMOTE, ROLLBACK = "promote-recogniser", "rollback-recogniser"
MAX_REASON = 500  # characters
RATES: Final = {  # smaller is better, each
    "far": "false matches (FAR)",
    "frr": "false rejections (FRR)",
    "fpir": "strangers named (FPIR)",
    "fnir": "people not named (FNIR)",
}


class Aliases(Protocol):
    """What of the registry is needed here (``tracking.registry.Registry``)."""

    def point(self, alias: str, number: int) -> None:
        """Let an alias stand for a version."""

    def unpoint(self, alias: str) -> None:
        """Let it stand for nothing."""

    def tag(self, number: int, tags: Mapping[str, str]) -> None:
        """Say something of a version."""

    def said(self, key: str) -> str:
        """A tag of the model; empty where there is none."""

    def say(self, key: str, value: str) -> None:
        """Set it."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who decides, and why; ``reason`` may be empty where nothing was forced."""

    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a challenger may take the champion's place.

    Attributes:
        passes: it may.
        sentences: what was found, for people.
        data_digest: of the data that both were measured on; empty where there are none.
        compared: rate, the champion's value, the challenger's; of the rates that both have.
    """

    passes: bool
    sentences: tuple[str, ...]
    data_digest: str = ""
    compared: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a promotion or a rollback: whether it was done, the version that decides now, and sentences."""

    done: bool
    champion: int | None
    sentences: tuple[str, ...]
    verdict: Verdict | None = None


def evaluation_tag(report: ErrorReport) -> dict[str, str]:
    """A measurement as a version's tag, by the digest of its data."""
    kept = {
        name: value for name, value in report.metrics().items() if name in RATES or name in {"eer", "people", "pictures"}
    }
    value = {"at": report.made_at_utc.isoformat(timespec="seconds"), "threshold": report.threshold, "metrics": kept}
    return {EVALUATION + report.data.digest: json.dumps(value, sort_keys=True)}


def evaluations(version: Version) -> dict[str, dict[str, Any]]:
    """Of a version: the digest of the data to what was measured on it."""
    found: dict[str, dict[str, Any]] = {}
    for key, value in version.tags.items():
        if key.startswith(EVALUATION):
            try:
                found[key.removeprefix(EVALUATION)] = {"metrics": {}, "at": "", **json.loads(value)}
            except ValueError:
                continue  # somebody else wrote it
    return found


def verdict_on(challenger: Version, champion: Version) -> Verdict:
    """Compare the last measurements that both have of the same data."""
    own, other = evaluations(challenger), evaluations(champion)
    both = sorted(own.keys() & other.keys(), key=lambda digest: str(own[digest]["at"]))
    if not both:
        said = f"Versions {challenger.number} and {champion.number} have not been measured on the same pictures."
        return Verdict(False, (said, "`models promote --on FOLDER` measures both on the pictures of a folder."))
    digest = both[-1]
    new, old = own[digest]["metrics"], other[digest]["metrics"]
    compared = tuple((name, float(old[name]), float(new[name])) for name in RATES if name in old and name in new)
    worse = [
        f"Worse: {RATES[name]} {share(after)}, and {share(before)} now."
        for name, before, after in compared
        if after > before
    ]
    if not compared:
        return Verdict(False, ("The measurements have no rate in common.",), digest)
    if worse:
        return Verdict(False, tuple(worse), digest, compared)
    better = [f"{RATES[name]}: {share(after)}, and {share(before)} now." for name, before, after in compared]
    return Verdict(True, ("On the same pictures it is as good or better in everything.", *better), digest, compared)


def promote(
    registry: Aliases, store: Store, clock: Clock, challenger: Version, champion: Version | None, who: Who, *, force: bool
) -> Outcome:
    """Let the challenger decide, if it may or where it is forced. Recorded in the audit before it is done, and in tags.

    Raises:
        RegistryError: the registry cannot be written; the audit then says that it failed.
        StoreUnavailableError: it cannot be recorded, so nothing is done.
    """
    if champion is not None and champion.number == challenger.number:
        return Outcome(False, champion.number, (f"Version {champion.number} is the champion already.",))
    if champion is None:
        verdict = Verdict(True, ("There is no champion to be compared with.",))
    else:
        verdict = verdict_on(challenger, champion)
    if not verdict.passes and not force:
        number = champion.number if champion is not None else None
        advice = f"Nothing was changed. Version {number} still decides; --force with --reason promotes it all the same."
        return Outcome(False, number, (*verdict.sentences, advice), verdict)
    at = clock()
    reason = " ".join(who.reason.split())[:MAX_REASON]
    before = None if champion is None else champion.number
    forced = not verdict.passes
    details = {
        "version": challenger.number,
        "before": before,
        "digest": challenger.digest,
        "data_digest": verdict.data_digest,
        "forced": forced,
        "reason": reason,
        "compared": [{"rate": name, "before": old, "after": new} for name, old, new in verdict.compared],
    }
    tags = {
        "promoted.at": at.isoformat(timespec="seconds"),
        "promoted.by": who.actor,
        "promoted.before": "" if before is None else str(before),
        "promoted.data_digest": verdict.data_digest,
        "promoted.forced": str(forced).lower(),
        "promoted.reason": reason,
    }
    with recorded(store, clock, who.actor, PROMOTE, details):
        row = [*_champions(registry), *([] if before is None else [before])]
        row = row[:-1] if row[-2:] == [before, before] else row  # it stands there already
        registry.tag(challenger.number, tags)
        registry.say(CHAMPIONS, ",".join(str(one) for one in [*row, challenger.number][-200:]))
        registry.point(CHAMPION, challenger.number)
        if CHALLENGER in challenger.aliases:
            registry.unpoint(CHALLENGER)
    said = f"Version {challenger.number} decides from the next start on."
    return Outcome(True, challenger.number, (*verdict.sentences, said), verdict)


def rollback(registry: Aliases, store: Store, clock: Clock, champion: Version, who: Who) -> Outcome:
    """Let the champion before this one decide again.

    Raises:
        RegistryError, StoreUnavailableError: as ``promote``.
    """
    row = _champions(registry)
    while row and row[-1] == champion.number:
        row.pop()
    if not row:
        return Outcome(False, champion.number, (f"There was no champion before version {champion.number}.",))
    back = row[-1]
    at = clock()
    reason = " ".join(who.reason.split())[:MAX_REASON]
    details = {"version": back, "before": champion.number, "digest": "", "reason": reason}
    tags = {"rolled_back.at": at.isoformat(timespec="seconds"), "rolled_back.by": who.actor, "rolled_back.reason": reason}
    with recorded(store, clock, who.actor, ROLLBACK, details):
        registry.point(CHAMPION, back)
        registry.say(CHAMPIONS, ",".join(str(one) for one in row))
        registry.tag(champion.number, tags)
    return Outcome(True, back, (f"Version {back} decides again from the next start on; version {champion.number} did.",))


def _champions(registry: Aliases) -> list[int]:
    return [int(one) for one in registry.said(CHAMPIONS).split(",") if one.isdecimal()]
