"""kill -9 in the middle of work, again and again: none lost, none doubled, nothing half done.

20,000 acknowledged check-ins in all: 10,000 on SQLite, 5,000 on each kind of MongoDB server, which is killed as well.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from attendance.domain.model import Outcome
from attendance.errors import DuplicatePictureError, PersonExistsError
from attendance.store.connect import connect
from tests.kill_child import PICTURES, pictures_of
from tests.mongo_server import MongoServer, mongo_server
from tests.store_makers import MODEL, attempt, person, references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attendance.store.base import Store

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = 8
THREADS = 4  # in the child

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass
class Target:
    """Where the child works: a fresh database, and its server where it has one."""

    kind: str
    url: str
    server: MongoServer | None

    def open(self) -> Store:
        return connect(self.url, timeout_s=10)


@pytest.fixture(params=["sqlite", "mongodb", "mongodb-standalone"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    if request.param == "sqlite":
        yield Target("sqlite", f"sqlite:///{tmp_path}/data/attendance.db", None)
        return
    with mongo_server(tmp_path, request.param == "mongodb-standalone") as server:
        if server.external and request.param == "mongodb-standalone":
            pytest.skip("the server of TEST_MONGODB_URI is of one kind; it is tested as mongodb")
        yield Target(request.param, server.url, server)


@dataclass
class Heard:
    """What the children said, by mark: ids in order, each with its number."""

    said: dict[str, dict[str, int]] = field(default_factory=dict)

    def ids(self, mark: str) -> dict[str, int]:
        return self.said.setdefault(mark, {})


def run_and_kill(
    target: Target, work: str, mark: str, count: int, heard: Heard, halfway: Callable[[], None] | None = None
) -> None:
    """Start a child, kill it when it has said ``mark`` so many times, and take in all that it had said."""
    command = [sys.executable, "-m", "tests.kill_child", work, target.url, str(THREADS)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        seen = 0
        for line in child.stdout:  # after the kill too: what was said before is still in the pipe
            said, key, number = line.split()
            heard.ids(said)[key] = int(number)
            seen += said == mark
            if halfway is not None and seen == count // 2:
                halfway()
                halfway = None
            if seen >= count and child.poll() is None:
                child.kill()
    assert seen >= count, "the child ended by itself"


def restart(server: MongoServer) -> Callable[[], None]:
    def kill_and_restart() -> None:
        server.kill()
        server.restart()

    return kill_and_restart


def test_check_ins(target: Target, record_testsuite_property: Callable[[str, object], None]) -> None:
    goal, lives = (10_000, 16) if target.kind == "sqlite" else (5_000, 9)
    store = target.open()
    people = [store.add_person(person(f"Person {number}"), references(1), MODEL) for number in range(PEOPLE)]
    store.close()
    chance, heard = np.random.default_rng(len(target.url)), Heard()
    for life in range(lives):
        left = goal - len(heard.ids("!"))
        count = int(chance.integers(1, 2 * left // (lives - life))) if life < lives - 1 else left
        with_server = target.server is not None and not target.server.external and life % 3 == 1
        halfway = restart(target.server) if with_server and target.server is not None else None
        run_and_kill(target, "check-in", "!", max(count, 1), heard, halfway)
    started, acknowledged = heard.ids("?"), heard.ids("!")
    assert len(acknowledged) >= goal

    store = target.open()
    for key in started.keys() - acknowledged.keys():  # the answer was lost: the client sends it again
        settlement = store.settle(attempt(people[started[key]], attempt_id=key), 0.0)
        assert settlement.outcome is Outcome.RECORDED
    attempts = [(one.attempt_id, one.outcome) for one in store.attempts()]
    check_ins = Counter(one.attempt_id for one in store.check_ins())
    store.close()
    assert Counter(attempts) == Counter((key, Outcome.RECORDED) for key in started)  # none lost, none doubled
    assert check_ins == Counter(started.keys())
    record_testsuite_property(f"acknowledged on {target.kind}", len(acknowledged))


def test_people(target: Target) -> None:
    lives, heard, chance = 8 if target.kind == "sqlite" else 6, Heard(), np.random.default_rng(7)
    for _ in range(lives):
        before = set(heard.ids("a"))
        run_and_kill(target, "people", "A", int(chance.integers(1, 8)), heard)
        store = target.open()
        check_people(store, heard, heard.ids("a").keys() - before)
        store.close()


def check_people(store: Store, heard: Heard, fresh: set[str]) -> None:
    """Everybody is there with all pictures or not at all, as far as that was acknowledged; and nothing else is. The bytes
    of pictures are looked at for the people of the child's last life."""
    present = {one.person_id: one for one in store.people()}
    kept = heard.ids("A").keys() - heard.ids("r").keys()
    assert kept <= present.keys()
    assert not heard.ids("R").keys() & present.keys()
    assert present.keys() <= heard.ids("a").keys()
    assert {one.reference_count for one in present.values()} <= {PICTURES}
    assert store.count_references() == PICTURES * len(present)
    coverage = {one.model_id: one.templates for one in store.template_coverage()}
    assert coverage.get(MODEL, 0) == PICTURES * len(present)
    changes = store.gallery_changes(MODEL)
    assert {one.person_id: len(one.embeddings) for one in changes.changed} == dict.fromkeys(present, PICTURES)
    for key in fresh & present.keys():
        expected = {one.picture for one in pictures_of(key)}
        assert {store.picture(one.reference_id) for one in store.references(key)} == expected
    for key in fresh - heard.ids("A").keys():  # the answer was lost: enrolled again under a new id
        try:
            again = store.add_person(person(f"Name {key}", external_id=key), pictures_of(key), MODEL)
        except (PersonExistsError, DuplicatePictureError):
            assert key in present
        else:
            assert key not in present
            store.remove_person(again.person_id)
