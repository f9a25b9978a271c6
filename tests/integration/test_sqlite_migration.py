"""Files written by older versions of the app are brought to this one's schema with everything that is in them."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from attendance.domain.model import Attempt, CheckIn, Decision, Outcome, Person, RecordFilter, Review
from attendance.domain.names import name_key
from attendance.store import sql_migrate
from attendance.store.codec import attempt_to_dict, embedding_to_bytes, ms_since_epoch
from attendance.store.rules import check_in_of, settled
from attendance.store.sql_schema import dump_json
from tests.store_children import open_and_count
from tests.store_makers import MODEL, NOON, PICTURE, after, attempt, embedding, person

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from attendance.store.base import Store

ADA = person("Ada Lovelace", external_id="7", group="engines", consent="on paper")
COOLDOWN_S = 60.0
RECORDED, REPEATED, REJECTED, VERIFIED = (
    attempt(ADA, attempt_id="recorded", parameters={"a.$b": [1, None, "é"]}),
    attempt(ADA, after(5), attempt_id="repeated"),
    attempt(None, after(9), attempt_id="rejected", quality=None, faces=()),
    attempt(ADA, after(11), attempt_id="verified", records=False),
)


def insert(file: sqlite3.Connection, table: str, values: Mapping[str, Any]) -> None:
    columns = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join("?" * len(values))
    encoded = [dump_json(value) if isinstance(value, dict | list) else value for value in values.values()]
    file.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", encoded)  # noqa: S608 - our own names


def attempt_row(given: Attempt, outcome: Outcome, check_in: CheckIn | None) -> dict[str, Any]:
    row = attempt_to_dict(settled(given, outcome, check_in))
    for name in ("review", "reviewed_by", "reviewed_at_utc", "session"):
        del row[name]
    return {name: ms_since_epoch(value) if name.endswith("at_utc") and value else value for name, value in row.items()}


def check_in_row(check_in: CheckIn) -> dict[str, Any]:
    names = ("entered_name", "matched_identity", "distance", "person_id", "attempt_id", "day", "kind", "source", "site")
    return {"timestamp": ms_since_epoch(check_in.timestamp), **{name: getattr(check_in, name) for name in names}}


@pytest.fixture
def older(path: Path) -> Path:
    """A file of schema version 1, made by its own migration, with a person, a picture, attempts, records and audit."""
    path.parent.mkdir()
    engine = sa.create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(sql_migrate.FOLDER))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    made = check_in_of(RECORDED)
    noon = ms_since_epoch(NOON)
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE state SET revision = 5, active_model = ?", (MODEL,))
        someone = {"person_id": ADA.person_id, "name": ADA.name, "name_key": name_key(ADA.name), "status": "active"}
        more = {"external_id": "7", "group": "engines", "consent": "on paper", "created_at": noon, "revision": 5}
        insert(file, "people", {**someone, **more, "search_key": "ada lovelace\n7\nengines"})
        insert(file, "removed_people", {"person_id": "gone", "revision": 4})
        picture = {"reference_id": "r1", "person_id": ADA.person_id, "image_index": 0, "size": len(PICTURE)}
        more = {
            "created_at": noon,
            "sha256": hashlib.sha256(PICTURE).hexdigest(),
            "quality": {"sharpness": 4.5},
            "image_bytes": PICTURE,
        }
        insert(file, "face_images", {**picture, **more})
        template = {"model_id": MODEL, "reference_id": "r1", "embedding": embedding_to_bytes(embedding(3))}
        insert(file, "templates", template)
        insert(file, "attendance", check_in_row(made))
        insert(file, "attendance", check_in_row(CheckIn(after(-90), "ada", ADA.name, 0.4)))  # a name alone
        for given, outcome, check_in in (
            (RECORDED, Outcome.RECORDED, made),
            (REPEATED, Outcome.ALREADY, made),
            (REJECTED, Outcome.NONE, None),
            (VERIFIED, Outcome.NONE, None),
        ):
            insert(file, "attempts", attempt_row(given, outcome, check_in))
        insert(file, "attempt_pictures", {"attempt_id": "recorded", "image_bytes": PICTURE})
        entry = {"sequence": 1, "at_utc": noon, "actor": "office", "action": "enrol", "details": {"name": "Ada"}}
        insert(file, "audit", {**entry, "previous": "0" * 64, "digest": "1" * 64})
    return path


def rows_of(path: Path, columns: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    """All rows of all tables, or of these columns of these tables."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        if columns is None:
            named = file.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'alembic_version'")
            tables = [name for (name,) in named.fetchall()]
            columns = {name: [row[1] for row in file.execute(f"PRAGMA table_info({name})")] for name in tables}
        found = {}
        for table, names in columns.items():
            listed = ", ".join(f'"{name}"' for name in names)
            query = f"SELECT {listed} FROM {table} ORDER BY 1, 2"  # noqa: S608 - names of the file's own
            found[table] = {"columns": names, "rows": file.execute(query).fetchall()}
        return found


def test_no_row_and_no_value_is_lost(older: Path, open_path: Callable[[Path], Store]) -> None:
    before = rows_of(older)
    assert all(table["rows"] for table in before.values())
    store = open_path(older)
    assert store.info().schema_version == 3
    assert rows_of(older, {name: table["columns"] for name, table in before.items()}) == before


def test_everything_reads_as_it_was_written(older: Path, open_path: Callable[[Path], Store]) -> None:
    store = open_path(older)
    ada = store.find_person("ada lovelace")
    assert ada == Person(
        ADA.person_id, "Ada Lovelace", "7", "engines", created_at=NOON, reference_count=1, consent="on paper"
    )
    assert store.picture("r1") == PICTURE
    changes = store.gallery_changes(MODEL)
    assert (changes.active_model, changes.removed) == (MODEL, ("gone",))
    assert changes.changed[0].embeddings.tobytes() == embedding(3).tobytes()
    made = check_in_of(RECORDED)
    expected = [
        settled(RECORDED, Outcome.RECORDED, made),
        settled(REPEATED, Outcome.ALREADY, made),
        settled(REJECTED, Outcome.NONE, None),
        settled(VERIFIED, Outcome.NONE, None),
    ]
    assert list(store.attempts()) == expected
    assert {one.review for one in expected} == {Review.NONE}
    assert store.attempt_picture("recorded") == PICTURE
    assert [one.action for one in store.audit()] == ["enrol"]
    by_name = CheckIn(after(-90), "ada", "Ada Lovelace", 0.4, ada.person_id)
    assert list(store.check_ins()) == [by_name, made]
    assert store.check_in_page(RecordFilter(), limit=9) == [(made, expected[0]), (by_name, None)]
    assert store.count_check_ins(RecordFilter(review=Review.NONE, decision=Decision.ACCEPTED)) == 2
    assert store.last_seen([ada.person_id]) == {ada.person_id: NOON}


def test_what_is_new_works_on_what_is_old(older: Path, open_path: Callable[[Path], Store]) -> None:
    store = open_path(older)
    made = check_in_of(RECORDED)
    for given, outcome in ((RECORDED, Outcome.RECORDED), (REPEATED, Outcome.ALREADY)):
        again = store.settle(given, COOLDOWN_S)
        assert (again.outcome, again.check_in, again.replayed) == (outcome, made, True)
    assert store.settle(attempt(ADA, after(20)), COOLDOWN_S).check_in == made
    store.set_review("recorded", Review.DISPUTED, actor="office", at_utc=NOON, expected=Review.NONE)
    assert store.count_check_ins(RecordFilter(review=Review.DISPUTED)) == 1
    assert store.settle(attempt(ADA, after(21)), COOLDOWN_S).outcome is Outcome.RECORDED
    assert store.settle(REPEATED, COOLDOWN_S).check_in == made
    assert store.keep("session", "a", {}).version == 1


def test_a_migration_that_fails_leaves_the_older_file(
    older: Path, open_path: Callable[[Path], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows_of(older)
    upgrade = sql_migrate._upgrade

    def fail(connection: sa.Connection) -> None:
        upgrade(connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(sql_migrate, "_upgrade", fail)
    with pytest.raises(KeyboardInterrupt):
        open_path(older)
    assert rows_of(older) == before
    monkeypatch.undo()
    assert len(list(open_path(older).attempts())) == 4


def test_processes_that_open_an_older_file_together(older: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        assert pool.map(open_and_count, [f"sqlite:///{older}"] * 6, chunksize=1) == [1] * 6
