"""The doctor on the command line: what works on this machine, and a database that does not, in whole or in part."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from attendance.store.connect import connect
from tests.store_makers import MODEL, person, references

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli_shell import Shell


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Of a database with somebody in it."""
    path = tmp_path / "attendance.db"
    with closing(connect(f"sqlite:///{path}", timeout_s=2.5)) as store:
        store.add_person(person("Ada"), references(2), MODEL)
    return path


@pytest.mark.usefixtures("file")
def test_the_doctor_says_what_works_and_what_to_do(shell: Shell) -> None:
    answer = shell("doctor", "--json")
    checks = answer.document["checks"]
    assert {check["check"] for check in checks} >= {
        "python",
        "packages",
        "settings",
        "time zone",
        "store",
        "models",
        "active model",
        "speed",
        "disk",
        "port",
        "camera",
    }
    assert {check["status"] for check in checks} <= {"ok", "warning", "fault"}
    assert all(check["advice"] for check in checks if check["status"] == "fault")
    assert answer.code == (1 if answer.document["status"] == "fault" else 0)
    assert shell("doctor").out.count("\n") >= len(checks)


def test_a_file_that_is_no_database(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "attendance.db").write_bytes(b"not a database " * 1000)
    answer = shell("people", "--json")
    assert answer.code == 6
    assert answer.document["error"] in {"CorruptRecordError", "StoreUnavailableError"}


def test_the_doctor_goes_on_where_the_database_is_broken(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "attendance.db").write_bytes(b"not a database " * 1000)
    answer = shell("doctor", "--json")
    found = {check["check"]: check["status"] for check in answer.document["checks"]}
    assert answer.code == 1
    assert found["store"] == "fault"
    assert found["disk"] in {"ok", "warning"}


@pytest.mark.parametrize("table", ["templates", "attendance", "attempts"])
def test_the_doctor_finds_damage_where_nothing_that_it_counts_lies(shell: Shell, file: Path, table: str) -> None:
    with closing(sqlite3.connect(file)) as raw:
        page_size = raw.execute("PRAGMA page_size").fetchone()[0]
        root = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [table]).fetchone()[0]
    assert shell("doctor").out.count("The file is whole.") == 1
    content = bytearray(file.read_bytes())
    content[(root - 1) * page_size : (root - 1) * page_size + 64] = b"damaged!" * 8
    file.write_bytes(content)
    answer = shell("doctor", "--json")
    faults = [check["message"] for check in answer.document["checks"] if check["status"] == "fault"]
    assert answer.code == 1
    assert any(str(file) in message and "is damaged" in message for message in faults)
