"""An export while others enrol, change, remove and check in: every person as of one moment, every record with its person."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from attendance.errors import StoreUnavailableError
from attendance.store.connect import connect
from tests.export_makers import check_whole, contents, export, fill, lines
from tests.mongo_server import MongoServer, mongo_server
from tests.store_makers import MODEL, after, attempt, person, references

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.store.base import Store

State = tuple[str, frozenset[str]]  # a person's name, and the ids of the pictures


@pytest.fixture(scope="module", params=["sqlite", "mongodb", "mongodb-standalone"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer | None]:
    if request.param == "sqlite":
        yield None
        return
    with mongo_server(tmp_path_factory.mktemp(request.param), standalone=request.param == "mongodb-standalone") as running:
        yield running


@pytest.fixture
def url(server: MongoServer | None, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/attendance.db" if server is None else server.fresh_url()


def pictures_of(store: Store, person_id: str) -> frozenset[str]:
    return frozenset(known.reference_id for known in store.references(person_id))


class Writer(threading.Thread):
    """Changes one person after another in its own connection, and remembers every state that each of them has had.

    Attributes:
        states: by person id.
        failed: what ended it, if anything did.
    """

    def __init__(self, url: str, seed: int) -> None:
        super().__init__(daemon=True)
        self._store = connect(url, timeout_s=20)
        self._chance = random.Random(seed)
        self._end = threading.Event()
        self.states: dict[str, list[State]] = {}
        self.changes = 0
        self.failed: Exception | None = None
        for someone in self._store.people():
            self._remember(someone.person_id)

    def _remember(self, person_id: str) -> None:
        found = pictures_of(self._store, person_id)
        name = next(one.name for one in self._store.people() if one.person_id == person_id)
        self.states.setdefault(person_id, []).append((name, found))

    def run(self) -> None:
        try:
            while not self._end.is_set():
                self._change(self._chance.choice(self._store.people()))
                self.changes += 1
        except Exception as error:  # noqa: BLE001 - raised again by ``stop``
            self.failed = error
        finally:
            self._store.close()

    def _change(self, someone: Any) -> None:
        store, person_id = self._store, someone.person_id
        match self._chance.randrange(5):
            case 0:
                store.update_person(person_id, name=f"Person {self._chance.randrange(10**9)}")
            case 1:
                store.add_references(person_id, references(2), MODEL)
            case 2 if len(known := store.references(person_id)) > 1:
                store.remove_reference(known[0].reference_id)
            case 3:
                new = store.add_person(person(f"Person {self._chance.randrange(10**9)}"), references(2), MODEL)
                self._remember(new.person_id)
                store.settle(attempt(new, after(self._chance.randrange(10**6))), 60)
            case _:
                store.settle(attempt(someone, after(self._chance.randrange(10**6))), 60)
        self._remember(person_id)

    def stop(self) -> None:
        self._end.set()
        self.join(60)
        if self.failed is not None:
            raise self.failed


def check_consistent(folder: Path, states: dict[str, list[State]]) -> None:
    """Raises where a person has a state that there never was, or a record, an attempt or a template hangs in the air."""
    check_whole(folder)
    people = {row["person_id"]: row for row in lines(folder, "people.jsonl")}
    pictures: dict[str, set[str]] = {person_id: set() for person_id in people}
    for row in lines(folder, "pictures.jsonl"):
        pictures[row["person_id"]].add(row["reference_id"])
    for person_id, row in people.items():
        assert (row["name"], frozenset(pictures[person_id])) in states[person_id]
    [templates] = (folder / "templates").iterdir()
    made = {row["reference_id"] for row in lines(folder, f"templates/{templates.name}")}
    assert made == set().union(*pictures.values())
    records = {row["attempt_id"]: row for row in lines(folder, "attendance.json")}
    attempts = {row["attempt_id"]: row for row in lines(folder, "attempts.jsonl")}
    assert records.keys() <= attempts.keys()
    assert {row["check_in"] for row in attempts.values() if row["check_in"]} <= records.keys()
    assert {row["person_id"] for row in (*records.values(), *attempts.values()) if row["person_id"]} <= people.keys()


def test_everybody_is_of_one_moment_and_no_record_hangs_in_the_air(url: str, tmp_path: Path) -> None:
    store = connect(url, timeout_s=20)
    fill(store, tuple(f"Person {number}" for number in range(12)))
    changes = 0
    for seed in range(4):
        writer = Writer(url, seed)
        writer.start()
        export(store, tmp_path / "e", verify=seed % 2 == 0)
        writer.stop()
        changes += writer.changes
        check_consistent(tmp_path / "e", writer.states)
    assert changes > 4
    export(store, tmp_path / "e")
    export(store, tmp_path / "fresh")
    assert contents(tmp_path / "e") == contents(tmp_path / "fresh")
    store.close()


class Between:
    """A snapshot between whose steps something happens."""

    def __init__(self, snapshot: Any, happen: Any) -> None:
        self._snapshot = snapshot
        self._happen = happen

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._snapshot, name)
        if name not in {"attempts", "check_ins", "people", "templates", "pictures"}:
            return method

        def told(*given: Any, **named: Any) -> Iterator[Any]:
            for number, one in enumerate(method(*given, **named)):
                if number == 0:
                    self._happen(f"in {name}")
                yield one
            self._happen(f"after {name}")

        return told


def meddled(store: Store, monkeypatch: pytest.MonkeyPatch, happen: Any) -> None:
    """Let something happen between the steps of the next exports."""
    whole = store.snapshot

    @contextmanager
    def snapshot() -> Iterator[Between]:
        with whole() as found:
            yield Between(found, happen)

    monkeypatch.setattr(store, "snapshot", snapshot)


def test_a_check_in_between_attempts_and_records_has_both(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: MongoServer | None
) -> None:
    store, other = connect(url, timeout_s=20), connect(url, timeout_s=20)
    people = fill(store)
    late = attempt(people[0], after(5000))

    def happen(step: str) -> None:
        if step == "after attempts":
            other.settle(late, 60)

    meddled(store, monkeypatch, happen)
    export(store, tmp_path / "e")
    there = {late.attempt_id} if server is not None else set()  # a transaction on SQLite does not see it
    for name in ("attempts.jsonl", "attendance.json"):
        found = {row["attempt_id"] for row in lines(tmp_path / "e", name)}
        assert found & {late.attempt_id} == there
    store.close()
    other.close()


@pytest.mark.parametrize("step", ["in templates", "after templates", "in pictures", "after pictures"])
def test_a_change_between_two_steps_is_seen_whole_or_not_at_all(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    store, other = connect(url, timeout_s=20), connect(url, timeout_s=20)
    people = fill(store)
    before = {
        one.person_id: (one.name, frozenset(r.reference_id for r in store.references(one.person_id))) for one in people
    }
    states = {person_id: [state] for person_id, state in before.items()}

    def happen(now: str) -> None:
        if now != step or len(states[people[0].person_id]) > 1:
            return
        first, second, third = (one.person_id for one in people)
        other.add_references(first, references(2), MODEL)
        states[first].append((people[0].name, pictures_of(other, first)))
        gone = other.references(second)[0].reference_id
        other.remove_reference(gone)
        states[second].append((people[1].name, before[second][1] - {gone}))
        other.update_person(third, name="Marie Curie")
        states[third].append(("Marie Curie", before[third][1]))

    meddled(store, monkeypatch, happen)
    export(store, tmp_path / "e")
    check_consistent(tmp_path / "e", states)
    assert len(states[people[0].person_id]) == 2
    monkeypatch.undo()
    export(store, tmp_path / "e")
    export(store, tmp_path / "fresh")
    assert contents(tmp_path / "e") == contents(tmp_path / "fresh")
    assert (tmp_path / "e/images/Marie Curie").is_dir()
    store.close()
    other.close()


def test_somebody_removed_while_being_read_is_left_out(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: MongoServer | None
) -> None:
    store, other = connect(url, timeout_s=20), connect(url, timeout_s=20)
    people = fill(store)
    meddled(store, monkeypatch, lambda step: step == "in pictures" and other.remove_person(people[1].person_id))
    export(store, tmp_path / "e")
    check_whole(tmp_path / "e")
    assert (tmp_path / "e/images/Grace Hopper").exists() == (server is None)
    store.close()
    other.close()


def test_who_changes_without_end_leaves_the_export_before(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: MongoServer | None
) -> None:
    store, other = connect(url, timeout_s=20), connect(url, timeout_s=20)
    people = fill(store)
    export(store, tmp_path / "e")
    before = contents(tmp_path / "e")
    other.update_person(people[0].person_id, group="0")
    number = iter(range(1, 1000))
    meddled(
        store,
        monkeypatch,
        lambda step: step == "after pictures" and other.update_person(people[0].person_id, group=f"{next(number)}"),
    )
    if server is None:
        assert export(store, tmp_path / "e").changed
    else:
        with pytest.raises(StoreUnavailableError, match="faster"):
            export(store, tmp_path / "e")
        assert contents(tmp_path / "e") == before
    store.close()
    other.close()
