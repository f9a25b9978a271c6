"""Our own process cut off between any two commands that it sends to MongoDB.

Importing this module listens to every client of the process from then on.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pymongo
import pytest
from pymongo import monitoring

from attendance.store.mongo import MongoStore
from attendance.store.mongo_documents import now_utc
from tests.mongo_server import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMEOUT_S = 2.5
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
    with opened(url, TIMEOUT_S) as store:
        yield store


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
