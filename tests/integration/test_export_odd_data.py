"""An older app's database of odd names, types and times: the same bytes from both kinds of server in any order, and back."""

from __future__ import annotations

import base64
import random
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import bson
import pymongo
import pytest

from attendance.store.connect import connect
from tests.export_makers import check_whole, contents, export, lines, restore
from tests.mongo_server import mongo_server

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [
    *("a/b", "a\\b", "😀 Smile", "مرحبا", "\u202eevil", "n" * 300, "Bob", "BOB", "bob ", "Zoë", "Zoe\u0308"),
    *("..", "CON", "x\ny", "名前", "-rf", "~", "'; DROP"),
]
PEOPLE = len(NAMES) - 3 + 5  # Bob and Zoë are written in other ways, too; five more have odd pictures


def pictures() -> list[dict[str, Any]]:
    """Each person's as bytes, binary and base64; naive, aware and written times; ObjectIds and numbers as ids."""
    found: list[dict[str, Any]] = []
    for number, name in enumerate(NAMES):
        raw = [f"{name}-{index}".encode() for index in range(3)]
        stored = (raw[0], bson.Binary(raw[1]), base64.b64encode(raw[2]).decode())
        naive = datetime(2024, 1, 1, number)  # noqa: DTZ001 - as many apps write them
        times = (naive, datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5))), "2024-01-01")
        for index in range(3):
            document = {"name": name, "image_index": index, "image_bytes": stored[index], "created_at": times[index]}
            found.append(document | ({"_id": 1000 + 3 * number + index} if number % 2 else {"size": len(raw[index])}))
    return [
        *found,
        {"name": "No Fields", "image_bytes": b"x1"},
        {"name": "Odd Types", "image_index": 1.5, "image_bytes": b"x2", "size": "9", "created_at": 12},
        {"name": "Below", "image_index": -4, "image_bytes": b"x3"},
        {"name": "Beyond", "image_index": 2**40, "image_bytes": b"x4"},
        *[{"name": "Twice", "image_index": 0, "image_bytes": b"the same"} for _ in range(2)],
        *[{"name": name, "image_bytes": b"nobody's"} for name in (None, "", ["Bob"])],
    ]


def records() -> list[dict[str, Any]]:
    """Distances that are none, and one that is text; times of every kind, and none."""
    naive = datetime(2024, 2, 1)  # noqa: DTZ001 - as many apps write them
    when = (naive, datetime(2024, 2, 1, 3, 4, 5, 999, tzinfo=UTC), "2024-02-01T03:04:05")
    distances = (None, float("nan"), float("inf"), 1, 0.3, "0.4")
    found = [
        {"timestamp": when[number % 3], "entered_name": name, "matched_identity": name, "distance": distance}
        for name in NAMES
        for number, distance in enumerate(distances)
    ]
    return [*found, {"timestamp": None, "matched_identity": "Bob"}, {"_id": 7, "timestamp": when[0], "entered_name": 5}]


@pytest.mark.parametrize("standalone", [True, False], ids=["standalone", "replica-set"])
def test_odd_data_in_any_order_and_back(tmp_path: Path, standalone: bool) -> None:
    with mongo_server(tmp_path / "server", standalone=standalone) as server:
        found = []
        for seed in (1, 2):
            url, made, kept = server.fresh_url(), pictures(), records()
            random.Random(seed).shuffle(made)
            random.Random(seed).shuffle(kept)
            with pymongo.MongoClient[dict[str, Any]](url) as client:
                client.get_default_database().face_images.insert_many(made)
                client.get_default_database().attendance.insert_many(kept)
            store = connect(url, timeout_s=30)
            summary = export(store, tmp_path / f"e{seed}")
            assert summary.problems.counts == {"face_images": 3, "attendance": 1}
            assert not export(store, tmp_path / f"e{seed}").changed
            check_whole(tmp_path / f"e{seed}")
            found.append(contents(tmp_path / f"e{seed}"))
            store.close()
    assert found[0] == found[1]
    folder = tmp_path / "e1"
    people = lines(folder, "people.jsonl")
    assert len(people) == PEOPLE
    assert len({row["folder"].casefold() for row in people}) == PEOPLE
    assert {row["distance"] for row in lines(folder, "attendance.json")} == {None, 0.3, 0.4, 1.0}
    there = {row["file"]: row for row in lines(folder, "pictures.jsonl")}
    assert there["images/Beyond/Beyond_0.jpg"]["size"] == 2
    assert (folder / "images/مرحبا/مرحبا_2.jpg").read_bytes() == "مرحبا-2".encode()
    copy = connect(f"sqlite:///{tmp_path}/copy.db", timeout_s=10)
    restore(copy, folder)
    export(copy, tmp_path / "again")
    copy.close()
    assert contents(tmp_path / "again") == found[0]
