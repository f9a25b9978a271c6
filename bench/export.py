"""An export of 50,000 pictures of 20 KB on either engine, against the copy of its files. `python -m bench export`.

The copy is ``shutil.copytree``, which ends before anything has reached the disk; an export ends after. The note says what
the copy takes with that, too. Each export runs in a process of its own, whose processor time and peak memory the note gives.

ATTEND_BENCH_PICTURES changes how many pictures there are. With TEST_MONGODB_URI they go to that server as well. Without,
MongoDB gets a fifth of them, 5,000 at most, because SecantusDB, the server of the tests, is slow; that says nothing about
mongod's speed, the share of the time that is ours does.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from attendance.domain.model import Person
from attendance.export.exporter import Wish, export
from attendance.export.swap import flush
from attendance.store.archive import RestoredPerson, StoredPicture, StoredTemplate
from attendance.store.connect import connect
from bench.measure import Row, milliseconds, sized
from tests.mongo_server import mongo_server
from tests.older_app import old_picture
from tests.store_makers import MODEL, NOON, QUALITY, embedding, references

if TYPE_CHECKING:
    from attendance.store.base import Store

PICTURES = int(os.environ.get("ATTEND_BENCH_PICTURES", sized(50_000)))
PICTURES_THERE = min(PICTURES // 5, 5_000)  # on SecantusDB, which takes minutes to store as many
EACH, SIZE = 50, 20_000  # pictures of a person, bytes of a picture
_TOGETHER = 8  # people who are stored in one call
_PATIENCE_S = 600.0  # with SecantusDB on a busy machine
_TURNS = 3  # how often all is exported anew: making so many files takes now more, now less
_FEW = (1_000, 10_000)  # pictures, beside PICTURES, for the memory that it takes


class Took(NamedTuple):
    """What one export took: wall time and the process's own time, milliseconds; its peak memory before and at the end."""

    wall_ms: float
    own_ms: float
    before_mb: float
    peak_mb: float

    @property
    def note(self) -> str:
        """For the table."""
        own = f"own processor time {self.own_ms / 1e3:.2f} s of {self.wall_ms / 1e3:.2f} s"
        return f"{own}; peak memory {self.peak_mb:.0f} MB, {self.before_mb:.0f} MB before the export"


def rows(_faces: Path | None = None) -> list[Row]:
    """Both engines."""
    found = []
    with tempfile.TemporaryDirectory(prefix="attend-export-") as name, ExitStack() as stack:
        folder = Path(name)
        for pictures in (*(few for few in _FEW if few < PICTURES), PICTURES):
            found += _measured(f"sqlite:///{folder}/{pictures}.db", folder / f"sqlite-{pictures}", "SQLite", pictures)
        server = stack.enter_context(mongo_server(folder / "server", standalone=True))
        engine, there = "MongoDB protocol (SecantusDB)", PICTURES_THERE
        if server.external:
            with server.client() as client:
                engine, there = f"MongoDB {client.server_info()['version']}", PICTURES
        found += _measured(server.url, folder / "mongodb", engine, there)
        url = server.fresh_url()
        fill_older(url, there // 2)
        found += _compared(url, folder / "older", f"an older app's {engine}", there // 2)
    return found


def fill_older(url: str, pictures: int) -> None:
    """So many pictures as an older app stores them."""
    import pymongo

    with pymongo.MongoClient[dict[str, Any]](url) as client:
        images = client.get_default_database().face_images
        for start in range(0, pictures, EACH):
            name = f"Person {start // EACH:06d}"
            images.insert_many([old_picture(name, index, image_bytes=os.urandom(SIZE), size=SIZE) for index in range(EACH)])
    connect(url, timeout_s=_PATIENCE_S).close()  # people for the names, once


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


def _measured(url: str, folder: Path, engine: str, pictures: int) -> list[Row]:
    store = connect(url, timeout_s=_PATIENCE_S)
    fill(store, pictures)
    found = _compared(url, folder, engine, pictures)
    first = found[0].ours_ms
    project = folder.with_name(f"{folder.name}-project")
    (project / ".dvc").mkdir(parents=True)  # there pictures have no second names (export/twin.py)
    _once(url, project / "export")
    for person in store.people(limit=max(1, pictures // 100 // EACH)):
        store.add_references(person.person_id, references(EACH), MODEL)
    store.close()
    for where, what in ((folder, ""), (project / "export", ", in a project of DVC")):
        changed = _once(url, where)
        name = f"export of {pictures:,} pictures of 20 KB, {engine}: 1 % more pictures{what}"
        ratio = first / changed.wall_ms
        found.append(Row(name, changed.wall_ms, "the first", first, ratio, None, f"one run; {changed.note}"))
    return found


def _compared(url: str, folder: Path, engine: str, pictures: int) -> list[Row]:
    """The first export against the copy, in turn into new folders, and one where nothing changed."""
    firsts: list[Took] = []
    copies: list[float] = []
    safe: list[float] = []
    for turn in range(_TURNS):
        made = folder.with_name(f"{folder.name}-{turn}") if turn else folder
        firsts.append(_once(url, made))
        copy = made.with_name(f"{made.name}-copy")
        copies.append(milliseconds(partial(shutil.copytree, made, copy)))
        safe.append(copies[-1] + milliseconds(partial(flush, copy)))
    first, copied = sorted(firsts)[_TURNS // 2], statistics.median(copies)
    note = f"median of {_TURNS}; {first.note}; the copy until it is on the disk {statistics.median(safe) / 1e3:.2f} s"
    unchanged = _once(url, folder)
    what = f"export of {pictures:,} pictures of 20 KB, {engine}"
    return [
        Row(f"{what}: first", first.wall_ms, "copy of its files", copied, copied / first.wall_ms, 0.33, note),
        Row(
            f"{what}: unchanged",
            unchanged.wall_ms,
            "the first",
            first.wall_ms,
            first.wall_ms / unchanged.wall_ms,
            10.0,
            f"one run; {unchanged.note}",
        ),
    ]


def _once(url: str, folder: Path) -> Took:
    """One export in a new process."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_export, url, folder).result()


def _export(url: str, folder: Path) -> Took:
    store = connect(url, timeout_s=_PATIENCE_S)
    try:
        before, own = _peak_mb(), time.process_time()
        wall = milliseconds(lambda: export(store, folder, Wish(), lambda _step, _done, _total: None))
        own = time.process_time() - own
        return Took(wall, own * 1e3, before, _peak_mb())
    finally:
        store.close()


def _peak_mb() -> float:
    """Of this process; ru_maxrss would count what its parent had. Linux."""
    [line] = [
        text for text in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if text.startswith("VmHWM")
    ]
    return int(line.split()[1]) / 1024
