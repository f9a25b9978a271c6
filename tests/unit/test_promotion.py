"""Promotion and rollback on a real store, with a registry in memory: what is compared, refused, recorded and taken back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from attendance.domain.registered import CHALLENGER, CHAMPION, Version
from attendance.errors import RegistryError, StoreUnavailableError
from attendance.services.promotion import EVALUATION, Who, evaluations, promote, rollback, verdict_on
from tests.fakes import Clock, Wrapped, away

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attendance.services.promotion import Outcome
    from attendance.store.base import Store

SAME, OTHER = "a" * 64, "b" * 64
OLOF = Who("cli:olof", "")


class Registry:
    """Implements ``promotion.Aliases`` in memory."""

    def __init__(self, *numbers: int) -> None:
        self.tags: dict[int, dict[str, str]] = {number: {"digest": f"d{number}"} for number in numbers}
        self.aliases: dict[str, int] = {}
        self.said_of_all: dict[str, str] = {}
        self.fails = False

    def version(self, number: int) -> Version:
        mine = tuple(sorted(alias for alias, at in self.aliases.items() if at == number))
        return Version(number, mine, datetime(2026, 3, 2, tzinfo=UTC), dict(self.tags[number]))

    def point(self, alias: str, number: int) -> None:
        if self.fails:
            raise RegistryError("away", model="registry", reason="unreachable")
        self.aliases[alias] = number

    def unpoint(self, alias: str) -> None:
        self.aliases.pop(alias, None)

    def tag(self, number: int, tags: Mapping[str, str]) -> None:
        self.tags[number] |= tags

    def said(self, key: str) -> str:
        return self.said_of_all.get(key, "")

    def say(self, key: str, value: str) -> None:
        self.said_of_all[key] = value

    def measured(self, number: int, rates: Mapping[str, float], digest: str = SAME, at: str = "2026-03-01") -> None:
        self.tags[number][EVALUATION + digest] = json.dumps({"at": at, "metrics": dict(rates)})


def promoted(registry: Registry, store: Store, number: int, *, force: bool = False, reason: str = "") -> Outcome:
    at = registry.aliases.get(CHAMPION)
    champion = None if at is None else registry.version(at)
    who = replace(OLOF, reason=reason)
    return promote(registry, store, Clock(), registry.version(number), champion, who, force=force)


def trail(store: Store) -> list[tuple[str, dict[str, Any]]]:
    return [(entry.action, dict(entry.details)) for entry in store.audit()]


def test_the_first_one_has_nobody_to_be_compared_with(store: Store) -> None:
    registry = Registry(1)
    registry.point(CHALLENGER, 1)
    done = promoted(registry, store, 1)
    assert (done.done, done.champion, registry.aliases) == (True, 1, {CHAMPION: 1})
    assert trail(store)[0][1]["before"] is None


def test_one_that_was_not_measured_on_the_same_data_is_refused(store: Store) -> None:
    registry = Registry(1, 2)
    promoted(registry, store, 1)
    registry.measured(1, {"far": 0.0, "frr": 0.1}, SAME)
    registry.measured(2, {"far": 0.0, "frr": 0.0}, OTHER)
    done = promoted(registry, store, 2)
    assert (done.done, registry.aliases[CHAMPION]) == (False, 1)
    assert "have not been measured on the same pictures" in done.sentences[0]
    assert len(trail(store)) == 1, "what was not done is not recorded"


@pytest.mark.parametrize("rate", ["far", "frr", "fpir", "fnir"])
def test_worse_in_any_rate_is_refused(store: Store, rate: str) -> None:
    registry = Registry(1, 2)
    promoted(registry, store, 1)
    same = {"far": 0.01, "frr": 0.01, "fpir": 0.01, "fnir": 0.01}
    registry.measured(1, same)
    registry.measured(2, {**dict.fromkeys(same, 0.0), rate: 0.011})
    done = promoted(registry, store, 2)
    assert not done.done
    assert registry.aliases[CHAMPION] == 1
    assert sum(sentence.startswith("Worse: ") for sentence in done.sentences) == 1
    registry.measured(2, same)
    assert promoted(registry, store, 2).done, "as good is enough"


def test_the_last_measurement_of_the_same_data_counts() -> None:
    registry = Registry(1, 2)
    for number, old, new in ((1, 0.0, 0.5), (2, 0.5, 0.0)):
        registry.measured(number, {"far": old}, SAME, "2026-03-01")
        registry.measured(number, {"far": new}, OTHER, "2026-03-02")
    verdict = verdict_on(registry.version(2), registry.version(1))
    assert (verdict.passes, verdict.data_digest, verdict.compared) == (True, OTHER, (("far", 0.5, 0.0),))
    registry.tags[2][EVALUATION + "c"] = "no JSON"
    assert set(evaluations(registry.version(2))) == {SAME, OTHER}


def test_forcing_is_recorded_with_its_reason_in_the_audit_and_in_the_tags(store: Store) -> None:
    registry = Registry(1, 2)
    promoted(registry, store, 1)
    done = promoted(registry, store, 2, force=True, reason="the  vault\nneeds it")
    assert (done.done, registry.aliases[CHAMPION]) == (True, 2)
    action, details = trail(store)[-1]
    assert (action, details["forced"], details["reason"]) == ("promote-recogniser", True, "the vault needs it")
    assert (details["version"], details["before"], details["digest"]) == (2, 1, "d2")
    tags = registry.tags[2]
    assert (tags["promoted.forced"], tags["promoted.reason"], tags["promoted.by"]) == (
        "true",
        "the vault needs it",
        "cli:olof",
    )


def test_rollback_goes_back_champion_by_champion(store: Store) -> None:
    registry = Registry(1, 2, 3)
    for number in (1, 2, 3, 1):
        assert promoted(registry, store, number, force=True, reason="test").done
    seen = []
    while True:
        done = rollback(registry, store, Clock(), registry.version(registry.aliases[CHAMPION]), OLOF)
        if not done.done:
            break
        seen.append(done.champion)
    assert seen == [3, 2, 1]
    assert registry.aliases[CHAMPION] == 1
    assert [action for action, _ in trail(store)][-3:] == ["rollback-recogniser"] * 3


def test_without_the_audit_nothing_is_promoted(store: Store) -> None:
    registry = Registry(1)
    wrapped = Wrapped(store)
    wrapped.replace("append_audit", away)
    with pytest.raises(StoreUnavailableError):
        promote(registry, cast("Store", wrapped), Clock(), registry.version(1), None, OLOF, force=False)
    assert not registry.aliases


def test_a_registry_that_breaks_off_leaves_an_entry_that_says_so(store: Store) -> None:
    registry = Registry(1)
    registry.fails = True
    with pytest.raises(RegistryError):
        promoted(registry, store, 1)
    assert [action for action, _ in trail(store)] == ["promote-recogniser", "promote-recogniser.failed"]
