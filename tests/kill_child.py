"""Uses a store until it is killed: ``python -m tests.kill_child check-in|people URL THREADS``.

It says what it is about to do, does it, and says so, each in one write: lines of a mark, an id and a number.
``?`` about to settle, ``!`` settled; ``a`` about to add, ``A`` added, ``r`` about to remove, ``R`` removed.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import uuid
from typing import TYPE_CHECKING

from attendance.errors import StoreUnavailableError
from attendance.store.connect import connect
from tests.store_makers import MODEL, after, attempt, person, reference

if TYPE_CHECKING:
    from attendance.domain.model import NewReference
    from attendance.store.base import Store

PICTURES = 3
PICTURE_BYTES = 20_000


def say(mark: str, key: str, number: int) -> None:
    """One line, one write: a kill cannot cut it."""
    os.write(1, f"{mark} {key} {number}\n".encode())


def pictures_of(key: str) -> list[NewReference]:
    """The same pictures for the same key, no two of them alike."""
    return [reference(f"{key}/{index}/".ljust(PICTURE_BYTES, "."), seed=index) for index in range(PICTURES)]


def check_in(store: Store, number: int) -> None:
    """Settle attempts of everybody in turn; where the database is away, the same one again until it answers."""
    people = store.people()
    while True:
        index = number % len(people)
        given = attempt(people[index], after(number))
        number += 1
        say("?", given.attempt_id, index)
        while True:
            try:
                store.settle(given, 0.0)
            except StoreUnavailableError:
                time.sleep(0.05)  # not to keep the processor from the server that starts again
            else:
                break
        say("!", given.attempt_id, index)


def add_and_remove(store: Store, number: int) -> None:
    """Add people, and remove every other one again."""
    while True:
        key = uuid.uuid4().hex
        say("a", key, number)
        store.add_person(person(f"Name {key}", person_id=key, external_id=key), pictures_of(key), MODEL)
        say("A", key, number)
        number += 1
        if number % 2:
            say("r", key, number)
            store.remove_person(key)
            say("R", key, number)


def main(work: str, url: str, threads: int) -> None:
    """Run until killed."""
    store = connect(url, timeout_s=2.5)
    task = check_in if work == "check-in" else add_and_remove
    running = [threading.Thread(target=task, args=(store, number * 1_000_000)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
