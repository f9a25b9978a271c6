"""MongoDB stopped, hung, killed and back, and our own process cut off between any two commands it sends."""

from __future__ import annotations

import functools
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pymongo
import pytest
from pymongo import monitoring
from pymongo.errors import OperationFailure

from attendance.domain.model import Outcome
from attendance.errors import (
    AttendanceError,
    PersonNotFoundError,
    SettingsError,
    StoreError,
    StoreUnavailableError,
)
from attendance.store.mongo import MongoStore
from attendance.store.mongo_documents import now_utc
from attendance.store.mongo_errors import translate
from tests.mongo_server import MongoServer, mongo_server
from tests.store_makers import MODEL, after, attempt, person, reference, references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from attendance.domain.model import Person

TIMEOUT_S = 2.5
ANSWER_S = 4.0  # promised are 3 s; the rest is for a machine that is busy with other tests. Without limits it is over 12 s
WRITES = {"insert", "update", "delete", "findAndModify"}


class Cut(BaseException):
    """Our process ends here. No Exception, so that no handler of the product sees it, as none sees a SIGKILL."""


class Scissors(monitoring.CommandListener):
    """Ends the process, so to speak, before the n-th command that writes is sent."""

    def __init__(self) -> None:
        self.left = -1

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.left < 0 or event.command_name not in WRITES:
            return
        self.left -= 1
        if self.left < 0:
            raise Cut

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing."""


SCISSORS = Scissors()
monitoring.register(SCISSORS)  # the driver knows no other way in from outside; does nothing until `left` is set


@pytest.fixture(scope="module", params=["replica set", "standalone"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    with mongo_server(tmp_path_factory.mktemp("mongo"), standalone=request.param == "standalone") as running:
        if running.external and running.standalone:
            pytest.skip("the server of TEST_MONGODB_URI is of one kind")
        yield running


@pytest.fixture
def url(server: MongoServer) -> str:
    return server.fresh_url()


@pytest.fixture
def store(url: str) -> Iterator[MongoStore]:
    opened = MongoStore.open(url, TIMEOUT_S)
    yield opened
    opened.close()


@contextmanager
def promptly() -> Iterator[None]:
    """What is inside is refused, in time."""
    begun = time.monotonic()
    with pytest.raises(StoreUnavailableError) as caught:
        yield
    assert caught.value.reason in {"timeout", "unreachable"}
    assert time.monotonic() - begun < ANSWER_S


def eventually(action: Callable[[], Any]) -> Any:
    """The driver notices in the background that a server is back; the product's callers try again in the same way."""
    for _ in range(20):
        try:
            return action()
        except StoreUnavailableError:
            continue
    return action()


# Hung, killed, away -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_server_that_hangs(server: MongoServer, store: MongoStore) -> None:
    ada = store.add_person(person("Ada"), references(2), MODEL)
    cursor = store.gallery_changes(MODEL).cursor
    one = attempt(ada)
    server.stop_signal()
    try:
        with promptly():
            store.settle(one, 60.0)
        with promptly():
            store.people()
        with promptly():
            store.gallery_changes(MODEL, cursor)
        with promptly():
            store.add_person(person("Bo"), references(1), MODEL)
        with promptly():
            list(store.check_ins())
    finally:
        server.cont()
    # What was not acknowledged may or may not have arrived; the same attempt again settles it, once.
    again = eventually(lambda: store.settle(one, 60.0))
    assert again.outcome is Outcome.RECORDED
    assert [record.attempt_id for record in store.check_ins()] == [one.attempt_id]
    assert store.gallery_changes(MODEL, cursor).cursor


@pytest.mark.slow
def test_a_server_that_is_killed_and_started_again(server: MongoServer, store: MongoStore) -> None:
    ada = store.add_person(person("Ada"), references(2), MODEL)
    acknowledged = [store.settle(attempt(ada, after(100 * n)), 60.0).attempt for n in range(10)]
    server.kill()
    lost = attempt(ada, after(5000))
    with promptly():
        store.settle(lost, 60.0)
    with promptly():
        store.info()
    server.restart()
    assert eventually(lambda: store.settle(lost, 60.0)).outcome is Outcome.RECORDED
    assert [record.attempt_id for record in store.check_ins()] == [
        *(one.attempt_id for one in acknowledged),
        lost.attempt_id,
    ]
    assert len(store.gallery_changes(MODEL).changed[0].reference_ids) == 2


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_the_server_is_killed_under_load(server: MongoServer, store: MongoStore) -> None:
    people = [store.add_person(person(f"Person {n}"), references(1), MODEL) for n in range(4)]
    acknowledged: list[str] = []
    unknown: list[Any] = []

    def work(who: Person) -> None:
        for n in range(2000):
            given = attempt(who, after(100 * n))
            try:
                acknowledged.append(store.settle(given, 60.0).attempt.attempt_id)
            except StoreUnavailableError:
                unknown.append(given)
                return

    with ThreadPoolExecutor(len(people)) as pool:
        running = [pool.submit(work, who) for who in people]
        while len(acknowledged) < 40 and not all(task.done() for task in running):
            time.sleep(0.01)
        server.kill()
        for task in running:
            task.result()
    server.restart()
    for given in unknown:
        again = eventually(functools.partial(store.settle, given, 60.0))
        assert again.outcome is Outcome.RECORDED
    expected = sorted([*acknowledged, *(given.attempt_id for given in unknown)])
    assert sorted(record.attempt_id or "" for record in store.check_ins()) == expected
    assert sorted(one.attempt_id for one in store.attempts()) == expected


@pytest.mark.slow
def test_opening_with_the_server_away(server: MongoServer, url: str) -> None:
    server.kill()
    try:
        with promptly():
            MongoStore.open(url, TIMEOUT_S)
    finally:
        server.restart()
    eventually(lambda: MongoStore.open(url, TIMEOUT_S)).close()


# Refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "mongodb://",
        "mongodb://ada:hush@host:99999/x",
        "mongodb://ada:hush@hush@host/",
        "mongodb://host/face attendance",
        "mongodb://ada:hu/sh@host/",
        "mongodb://ada:hush@host/?authMechanism=hush",
        "mongodb://ada:hush@host/?tsl=true",
    ],
)
def test_a_url_that_cannot_be_used(address: str) -> None:
    with pytest.raises(SettingsError) as caught:
        MongoStore.open(address, TIMEOUT_S)
    assert caught.value.name == "ATTEND_STORE_URL"
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None  # nor in a traceback


@pytest.mark.parametrize(
    ("code", "reason"), [(13, "refused"), (18, "refused"), (14031, "disk_full"), (10107, "read_only"), (13435, "read_only")]
)
def test_what_the_server_answers_has_a_reason(code: int, reason: str) -> None:
    made = translate(OperationFailure("no", code))
    assert isinstance(made, StoreUnavailableError)
    assert made.reason == reason


def test_data_of_a_newer_version_are_left_alone(url: str) -> None:
    with pymongo.MongoClient[dict[str, Any]](url) as client:
        client.get_default_database()["meta"].insert_one({"_id": "schema", "version": 99})
    with pytest.raises(StoreError, match="newer"):
        MongoStore.open(url, TIMEOUT_S)


def test_a_picture_that_is_too_large_for_a_document(store: MongoStore) -> None:
    huge = reference(bytes(17 * 1024 * 1024))
    with pytest.raises(StoreError, match="16 MB"):
        store.add_person(person("Ada"), [reference(), huge], MODEL)
    with pytest.raises(StoreError, match="16 MB"):
        store.settle(attempt(None), 60.0, huge.picture)
    assert store.count_people() == store.count_references() == 0
    assert list(store.attempts()) == []
    assert store.add_person(person("Ada"), references(1), MODEL).reference_count == 1


# Cut off between any two commands -----------------------------------------------------------------------------------


def cut_everywhere(action: Callable[[MongoStore], Any], check: Callable[[bool], None], url: str) -> None:
    """Run ``action`` again and again, cut off one command later each time; ``check`` is told whether it came through."""
    for commands in range(40):
        store = MongoStore.open(url, TIMEOUT_S)
        SCISSORS.left = commands
        try:
            action(store)
        except Cut:
            done = False
        else:
            done = True
        finally:
            SCISSORS.left = -1
            store.close()
        check(done)
        if done:
            return
    pytest.fail("it never came through")


@contextmanager
def reopened(url: str, *, later: bool = False) -> Iterator[MongoStore]:
    """As the next process finds it; ``later``: after what is unfinished counts as left behind."""
    if later:
        with pymongo.MongoClient[dict[str, Any]](url) as client:
            client.get_default_database()["people"].update_many(
                {"open_at": {"$exists": True}}, {"$set": {"open_at": now_utc() - timedelta(minutes=5)}}
            )
    store = MongoStore.open(url, TIMEOUT_S)
    try:
        yield store
    finally:
        store.close()


def assert_tidy(url: str) -> None:
    """Nothing is stored that does not count, and nothing is under way."""
    with pymongo.MongoClient[dict[str, Any]](url) as client:
        database = client.get_default_database()
        batches = {batch for one in database["people"].find({"state": "present"}) for batch in one["batches"]}
        for name in ("face_images", "templates"):
            assert {one["batch"] for one in database[name].find()} <= batches, name
        pictures = {one["_id"] for one in database["face_images"].find()}
        assert {one["reference_id"] for one in database["templates"].find()} == pictures
        assert {one["state"] for one in database["people"].find()} <= {"present", "removed"}
        assert database["people"].count_documents({"open_at": {"$exists": True}}) == 0
        assert database["people"].count_documents({"state": "removed", "name": {"$exists": True}}) == 0
        assert database["check_in_slots"].count_documents({"open": True}) == 0


def shown(store: MongoStore, name: str) -> int | None:
    """How many pictures of a person there are, the same from every side; None where nobody has the name."""
    everything = {one.name: len(one.reference_ids) for one in store.gallery_changes(MODEL).changed}
    try:
        found = store.find_person(name)
    except PersonNotFoundError:
        assert name not in everything
        return None
    known = store.references(found.person_id)
    assert found.reference_count == len(known) == everything[name]
    assert all(store.picture(one.reference_id) for one in known)
    return len(known)


def totals(store: MongoStore) -> tuple[int, int]:
    return store.count_references(), sum(one.templates for one in store.template_coverage())


@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
def test_enrolment_cut_off_anywhere_is_whole_or_nothing(url: str, later: bool) -> None:
    pictures = references(3)

    def check(done: bool) -> None:
        with reopened(url, later=later) as store:
            there = shown(store, "Ada")
            assert there in ({3} if done else {None, 3})
            assert totals(store) == ((3, 3) if there else (0, 0))
            assert store.active_model() == (MODEL if there else None) or not there
            if later:
                assert_tidy(url)
            if there is None:  # nothing of it is in the way of the same pictures under another id
                store.add_person(person("Ada"), pictures, MODEL)
                assert shown(store, "Ada") == 3
            store.remove_person(store.find_person("Ada").person_id)

    cut_everywhere(lambda store: store.add_person(person("Ada"), pictures, MODEL), check, url)


def test_more_pictures_cut_off_anywhere_are_all_or_none(url: str) -> None:
    with reopened(url) as store:
        ada = store.add_person(person("Ada"), references(2), MODEL)
    more = [reference(f"more {n}", seed=n) for n in range(3)]

    def check(done: bool) -> None:
        with reopened(url, later=True) as store:
            there = shown(store, "Ada")
            assert there in ({5} if done else {2, 5})
            assert totals(store) == (there, there)
            assert_tidy(url)
            for known in store.references(ada.person_id):
                if known.sha256 in {new.sha256 for new in more}:
                    store.remove_reference(known.reference_id)
            assert shown(store, "Ada") == 2

    cut_everywhere(lambda store: store.add_references(ada.person_id, more, MODEL), check, url)


def test_removing_a_person_cut_off_anywhere_ends_with_nothing_left(url: str) -> None:
    def check(done: bool) -> None:
        with reopened(url) as store:
            there = shown(store, "Ada")
            assert there in ({None} if done else {None, 3})
            assert store.count_references() == (there or 0)
        with reopened(url, later=True):
            assert_tidy(url)

    def action(store: MongoStore) -> None:
        left, SCISSORS.left = SCISSORS.left, -1
        if not store.count_people():
            store.add_person(person("Ada"), references(3), MODEL)
        SCISSORS.left = left
        store.remove_person(store.find_person("Ada").person_id)

    cut_everywhere(action, check, url)


def test_removing_a_picture_cut_off_anywhere(url: str) -> None:
    with reopened(url) as store:
        ada = store.add_person(person("Ada"), references(1), MODEL)

    def action(store: MongoStore) -> None:
        left, SCISSORS.left = SCISSORS.left, -1
        known = store.references(ada.person_id)
        if len(known) == 1:
            known += store.add_references(ada.person_id, references(1), MODEL)
        SCISSORS.left = left
        store.remove_reference(known[-1].reference_id)

    def check(done: bool) -> None:
        with reopened(url) as store:
            there = shown(store, "Ada")
            assert there in ({1} if done else {1, 2})
            assert totals(store) == (there, there)
        with reopened(url, later=True):
            assert_tidy(url)

    cut_everywhere(action, check, url)


def test_new_templates_cut_off_anywhere_reach_every_gallery(url: str) -> None:
    with reopened(url) as watching:
        ada = watching.add_person(person("Ada"), references(2), MODEL)
        keys = [one.reference_id for one in watching.references(ada.person_id)]
        cursors = [""]

        def check(done: bool) -> None:
            del done
            with reopened(url, later=True) as store:
                left = store.references_without_template("new")
                watched = watching.gallery_changes("new", cursors[-1])
                in_store = {one.person_id: one.reference_ids for one in store.gallery_changes("new").changed}
                assert len(left) + len(in_store[ada.person_id]) == 2
                if in_store[ada.person_id]:
                    assert [one.reference_ids for one in watched.changed] == [in_store[ada.person_id]]

        def action(store: MongoStore) -> None:
            left, SCISSORS.left = SCISSORS.left, -1
            with pymongo.MongoClient[dict[str, Any]](url) as client:
                client.get_default_database()["templates"].delete_many({"model_id": "new"})
            cursors.append(watching.gallery_changes("new").cursor)
            embeddings = {key: new.embedding for key, new in zip(keys, references(2), strict=True)}
            SCISSORS.left = left
            store.put_templates("new", embeddings)

        cut_everywhere(action, check, url)


@pytest.mark.parametrize("helped", [False, True], ids=["restart", "next person"])
def test_a_check_in_cut_off_anywhere_is_recorded_once(url: str, helped: bool) -> None:
    with reopened(url) as store:
        ada = store.add_person(person("Ada"), references(1), MODEL)
    rounds: list[Any] = []
    helper = MongoStore.open(url, TIMEOUT_S)  # has been there all the time, so has finished nothing at a start

    def action(store: MongoStore) -> None:
        rounds.append(attempt(ada, after(1000 * len(rounds))))
        store.settle(rounds[-1], 60.0)

    def check(done: bool) -> None:
        mine = rounds[-1]
        if helped:
            other = helper.settle(attempt(ada, mine.at_utc + timedelta(seconds=5)), 60.0)
            stored = [record.attempt_id for record in helper.check_ins(since=mine.at_utc)]
            assert other.check_in is not None
            assert stored == [other.check_in.attempt_id]
            assert other.outcome is Outcome.ALREADY or not done
            assert helper.settle(mine, 60.0).check_in == other.check_in  # sent again after the cut
            return
        with reopened(url) as store:
            assert_tidy(url)
            stored = [record.attempt_id for record in store.check_ins(since=mine.at_utc)]
            assert stored in ([[mine.attempt_id]] if done else [[], [mine.attempt_id]])
            assert (store.attempt(mine.attempt_id) is not None) == bool(stored)
            again = store.settle(mine, 60.0)
            assert (again.outcome, again.replayed) == (Outcome.RECORDED, bool(stored))
            assert [record.attempt_id for record in store.check_ins(since=mine.at_utc)] == [mine.attempt_id]

    try:
        cut_everywhere(action, check, url)
    finally:
        helper.close()


def test_two_enrolments_of_the_same_pictures_never_both_win(url: str) -> None:
    pictures = references(2)
    with reopened(url) as store, ThreadPoolExecutor(4) as pool:

        def enrol(n: int) -> str:
            try:
                return store.add_person(person(f"Person {n}"), pictures, MODEL).name
            except AttendanceError as error:
                return type(error).__name__

        answers = list(pool.map(enrol, range(4)))
        assert sorted(answers)[:3] == ["DuplicatePictureError"] * 3
        assert store.count_people() == 1
        assert totals(store) == (2, 2)
