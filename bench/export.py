"""An export of 50,000 pictures of 20 KB on either engine, against the copy of its files. `python -m bench export`.

ATTEND_BENCH_PICTURES changes how many pictures there are. SecantusDB, the MongoDB server of the tests, says nothing about
mongod's speed; its rows are there so that a change of ours shows.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from attendance.domain.model import Person
from attendance.export.exporter import Wish, export
from attendance.store.archive import RestoredPerson, StoredPicture, StoredTemplate
from attendance.store.connect import connect
from bench.measure import Row, milliseconds
from tests.mongo_server import mongo_server
from tests.store_makers import MODEL, NOON, QUALITY, embedding, references

if TYPE_CHECKING:
    from attendance.store.base import Store

PICTURES = int(os.environ.get("ATTEND_BENCH_PICTURES", "50000"))
EACH, SIZE = 50, 20_000  # pictures of a person, bytes of a picture
_TOGETHER = 8  # people who are stored in one call


def rows(_faces: Path | None = None) -> list[Row]:
    """Both engines; each figure is of one run, because a first export cannot be done twice."""
    found = []
    with tempfile.TemporaryDirectory(prefix="attend-export-") as name, ExitStack() as stack:
        folder = Path(name)
        found += _measured(f"sqlite:///{folder}/attendance.db", folder / "sqlite", "SQLite")
        server = stack.enter_context(mongo_server(folder / "server", standalone=True))
        found += _measured(server.url, folder / "mongodb", "MongoDB protocol (SecantusDB)")
    return found


def fill(store: Store, pictures: int) -> None:
    """So many pictures of random bytes, with templates."""
    store.activate_model(MODEL)
    people = []
    for number in range(pictures // EACH):
        person = Person(uuid.uuid4().hex, f"Person {number:06d}", created_at=NOON)
        mine = [_picture(person.person_id, index) for index in range(EACH)]
        made = [
            StoredTemplate(MODEL, person.person_id, one.reference_id, embedding(index).tobytes(), None)
            for index, one in enumerate(mine)
        ]
        people.append(RestoredPerson(person, mine, made))
        if len(people) == _TOGETHER:
            store.restore_people(people)
            people = []
    store.restore_people(people)


def _picture(person_id: str, index: int) -> StoredPicture:
    data = os.urandom(SIZE)
    digest = hashlib.sha256(data).hexdigest()
    return StoredPicture(
        uuid.uuid4().hex, person_id, index, SIZE, digest, NOON, QUALITY.as_dict(), older=False, picture=data
    )


def _measured(url: str, folder: Path, engine: str) -> list[Row]:
    store = connect(url, timeout_s=60)
    fill(store, PICTURES)

    def once() -> float:
        return milliseconds(lambda: export(store, folder, Wish(), lambda _step, _done, _total: None))

    first = once()
    copy = folder.with_name(f"{folder.name}-copy")
    copied = milliseconds(lambda: shutil.copytree(folder, copy))
    shutil.rmtree(copy)
    unchanged = once()
    for person in store.people(limit=max(1, PICTURES // 100 // EACH)):
        store.add_references(person.person_id, references(EACH), MODEL)
    changed = once()
    store.close()
    shutil.rmtree(folder)
    what = f"export of {PICTURES:,} pictures of 20 KB, {engine}"
    return [
        Row(f"{what}: first", first, "copy of its files", copied, copied / first, 0.33, "one run"),
        Row(f"{what}: unchanged", unchanged, "the first", first, first / unchanged, 10.0, "one run"),
        Row(f"{what}: 1 % more pictures", changed, "the first", first, first / changed, None, "one run"),
    ]
