"""The same data give the same bytes: on either engine, in any order, with any names, from any copy of an older database."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attendance.domain.names import name_key
from attendance.errors import StoreUnavailableError
from attendance.export.exporter import Wish
from attendance.export.exporter import export as run
from attendance.store import mongo_pictures
from attendance.store.archive import RestoredPerson, StoredAttempt, StoredPicture, StoredTemplate
from attendance.store.connect import connect
from attendance.store.mongo_documents import picture_bytes
from attendance.store.rules import check_in_of
from tests.export_makers import check_whole, contents, export, fill, lines
from tests.mongo_server import MongoServer, mongo_server
from tests.older_app import old_picture, old_record
from tests.store_makers import MODEL, OTHER_MODEL, after, attempt, embedding, person, reference, references

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.store.base import Store

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=40).filter(name_key)
ODD = [
    "CON",
    "con.txt",
    "a/b",
    "a_b",
    "A_B",
    "..",
    ". .",
    ".hidden",
    "trailing. ",
    "x" * 300,
    "Zoe\u0308",
    "\u200eleft",
    "a\tb",
    "~",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    with mongo_server(tmp_path_factory.mktemp("mongodb"), standalone=True) as running:
        yield running


def made(names: list[str], seed: int) -> tuple[list[RestoredPerson], list[StoredAttempt]]:
    """People with pictures and templates of two models, and attempts of theirs."""
    chance = random.Random(seed)
    people, attempts = [], []
    for number, name in enumerate(names):
        someone = person(name, external_id=f"n{number}" if chance.random() < 0.5 else None)
        pictures, templates = [], []
        for index in range(chance.randrange(4)):
            new = reference(chance.randbytes(40))
            key = chance.randbytes(16).hex()
            pictures.append(
                StoredPicture(
                    key, someone.person_id, index, 40, new.sha256, after(index), {"size_px": 1.5}, False, new.picture
                )
            )
            for model in (MODEL, OTHER_MODEL)[: chance.randrange(3)]:
                failed = chance.random() < 0.2
                data = None if failed else embedding(index).tobytes()
                templates.append(StoredTemplate(model, someone.person_id, key, data, "no face" if failed else None))
        people.append(RestoredPerson(someone, pictures, templates))
        attempts.append(StoredAttempt(attempt(someone, after(number // 2)), None))
    return people, attempts


def put(store: Store, people: list[RestoredPerson], attempts: list[StoredAttempt], seed: int) -> None:
    """In an order of its own."""
    chance = random.Random(seed)
    store.activate_model(MODEL)
    for one in chance.sample(people, len(people)):
        store.restore_people([replace(one, pictures=chance.sample(one.pictures, len(one.pictures)))])
    for stored in chance.sample(attempts, len(attempts)):
        store.restore_check_ins([(check_in_of(stored.attempt), 1)])
        store.restore_attempts([StoredAttempt(stored.attempt, stored.attempt.attempt_id)])
    store.append_audit("me", "x", {"n": 1, "ratio": 0.1, "é": [1, 2.5]}, after(0))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NAMES | st.sampled_from(ODD), max_size=8, unique_by=name_key), st.integers(0, 2**32))
def test_engine_and_order_do_not_matter(server: MongoServer, tmp_path: Path, names: list[str], seed: int) -> None:
    people, attempts = made(names, seed)
    found = []
    for number, url in enumerate((f"sqlite:///{tmp_path}/a.db", server.fresh_url(), f"sqlite:///{tmp_path}/b.db")):
        store = connect(url, timeout_s=10)
        put(store, people, attempts, seed + number)
        folder = tmp_path / f"export{number}"
        export(store, folder)
        check_whole(folder)
        found.append(contents(folder))
        assert not export(store, folder).changed
        store.close()
    assert found[0] == found[1] == found[2]
    shown = [path.split("/")[1] for path in found[0] if path.startswith("images/")]
    assert len({name.casefold() for name in shown}) == len({one.person.person_id for one in people if one.pictures})
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()


def older_documents() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What an older app may have left: names that differ in case alone, copies, gaps, and documents that are broken."""
    names = ("Bob", "BOB", "Eve", "../x", ". dot ", "Zoë")
    pictures = [old_picture(name, index) for name in names for index in range(3)]
    pictures += [
        old_picture("Eve", 0, image_bytes=b"another"),
        old_picture("Eve", 0),
        old_picture("Eve", 99, image_index=None),
    ]
    pictures += [old_picture("Text", 0, image_bytes="aGVsbG8=", created_at="2024-01-02 03:04:05"), old_picture("None", 7)]
    pictures += [{"name": "Bob", "image_index": 9, "image_bytes": 12}, {"name": 7, "image_bytes": b"nobody's"}]
    records = [old_record(name, minute) for name in ("Bob", "Eve", "gone") for minute in (1, 2, 2)]
    records += [old_record("Bob", 5, timestamp="2024-05-06T07:08:09"), old_record("Eve", 3, distance="far")]
    return pictures, [*records, {"entered_name": "when?"}]


def write_older(server: MongoServer, seed: int) -> str:
    import pymongo

    url = server.fresh_url()
    pictures, records = older_documents()
    random.Random(seed).shuffle(pictures)
    random.Random(seed).shuffle(records)
    with pymongo.MongoClient[dict[str, Any]](url) as client:
        client.get_default_database().face_images.insert_many(pictures)
        client.get_default_database().attendance.insert_many(records)
    return url


def test_copies_of_an_older_database_in_any_order(server: MongoServer, tmp_path: Path) -> None:
    found = []
    for seed in range(3):
        store = connect(write_older(server, seed), timeout_s=10)
        summary = export(store, tmp_path / str(seed))
        assert summary.problems.counts == {"face_images": 2, "attendance": 1}
        found.append(contents(tmp_path / str(seed)))
        assert not export(store, tmp_path / str(seed)).changed
        store.close()
    assert found[0] == found[1] == found[2]
    folder = tmp_path / "0"
    records = lines(folder, "attendance.json")
    assert len(records) == 11
    assert {tuple(sorted(record)) for record in records} == {("distance", "entered_name", "matched_identity", "timestamp")}
    assert (folder / "images/Zoë/Zoë_2.jpg").read_bytes() == "picture 2 of Zoë".encode()
    assert (folder / "images/Text/Text_0.jpg").read_bytes() == b"hello"
    assert len(list((folder / "images/Eve").iterdir())) == 6
    check_whole(folder)


def test_what_an_older_app_changes_in_place_is_seen(server: MongoServer, tmp_path: Path) -> None:
    import pymongo

    url = write_older(server, 1)
    store = connect(url, timeout_s=10)
    export(store, tmp_path / "e")
    with pymongo.MongoClient[dict[str, Any]](url) as client:
        pictures = client.get_default_database().face_images
        pictures.update_one({"name": "Zoë", "image_index": 1}, {"$set": {"image_bytes": b"PICTURE 1 of Zo!"}})
    assert export(store, tmp_path / "e").pictures.changed == 1
    assert (tmp_path / "e/images/Zoë/Zoë_1.jpg").read_bytes() == b"PICTURE 1 of Zo!"
    store.close()


def test_what_an_older_app_wrote_is_read_once(server: MongoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pymongo

    url = write_older(server, 1)
    store = connect(url, timeout_s=10)
    export(store, tmp_path / "e")
    read: list[str] = []

    def reading(document: dict[str, Any]) -> bytes:
        read.append(document["name"])
        return picture_bytes(document)

    monkeypatch.setattr(mongo_pictures, "picture_bytes", reading)
    assert not export(store, tmp_path / "e").changed
    assert set(read) == {"Bob", "BOB"}  # one person, who has a document that cannot be read and is told of each time
    read.clear()
    with pymongo.MongoClient[dict[str, Any]](url) as client:
        pictures = client.get_default_database().face_images
        pictures.delete_one({"name": "../x", "image_index": 0})
        pictures.insert_one(old_picture("Text", 5))
    found = export(store, tmp_path / "e")
    assert (found.pictures.added, found.pictures.removed) == (1, 1)
    assert set(read) == {"Bob", "BOB", "../x", "Text"}
    read.clear()
    assert not export(store, tmp_path / "e", verify=True).changed
    assert {"Zoë", "Eve", "../x", "Text"} < set(read)
    store.close()


def test_a_server_that_dies_half_way_leaves_the_export_before(tmp_path: Path) -> None:
    with mongo_server(tmp_path / "mongodb", standalone=True) as server:
        store = connect(server.url, timeout_s=2)
        people = fill(store)
        for one in people:
            store.add_references(one.person_id, references(60), MODEL)
        export(store, tmp_path / "e")
        before = contents(tmp_path / "e")
        store.add_person(person("Late"), references(2), MODEL)

        def killing(step: str, done: int, _total: int | None) -> None:
            if step == "Pictures" and done == 0:
                server.kill()

        with pytest.raises(StoreUnavailableError):
            run(store, tmp_path / "e", Wish(verify=True), killing)
        assert contents(tmp_path / "e") == before
        store.close()
        server.restart()
        store = connect(server.url, timeout_s=5)
        assert export(store, tmp_path / "e").people.added == 1
        store.close()
