"""The commands that need no model, on a real SQLite database."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from attendance.domain.model import Attempt, Decision, Mode, NewReference, Outcome, Person, Reason

if TYPE_CHECKING:
    from attendance.store.base import Store
    from tests.cli_shell import Answer, Shell

MODEL = "dlib-resnet-v1/align-m20-flip"


def add(store: Store, name: str, **more: Any) -> Person:
    key = f"{name}{more}".encode()
    embedding = np.random.default_rng(len(key)).standard_normal(128).astype(np.float32)
    reference = NewReference(picture=key, sha256=key.hex().ljust(64, "0")[:64], embedding=embedding, quality=None)
    person = Person(person_id=key.hex()[:24], name=name, created_at=datetime(2026, 1, 1, tzinfo=UTC), **more)
    return store.add_person(person, [reference], MODEL)


def check_in(store: Store, person: Person, at: datetime) -> None:
    attempt = Attempt(
        attempt_id=f"{person.person_id}-{at:%Y%m%dT%H%M%S}",
        at_utc=at,
        mode=Mode.VERIFICATION,
        decision=Decision.ACCEPTED,
        reason=Reason.MATCH,
        outcome=Outcome.NONE,
        records=True,
        entered_name=person.name,
        person_id=person.person_id,
        person_name=person.name,
        nearest_person_id=person.person_id,
        distance_l2=0.25,
        runner_up_l2=None,
        threshold=0.54,
        model_id=MODEL,
        day=f"{at:%Y-%m-%d}",
        site="main",
    )
    assert store.settle(attempt, cooldown_s=60.0).outcome is Outcome.RECORDED


# People ---------------------------------------------------------------------------------------------------------------


def test_an_empty_database_has_nobody(shell: Shell) -> None:
    answer = shell("people")
    assert (answer.code, answer.out) == (0, "")
    assert "Nobody is enrolled" in answer.err
    assert shell("people", "--json").document == {"people": []}


def test_people_are_listed_and_searched(shell: Shell, store: Store) -> None:
    add(store, "Åsa Öberg", external_id="17", group="Lab")
    add(store, "Ben Ali")
    answer = shell("people")
    assert answer.code == 0
    assert "Åsa Öberg" in answer.out
    assert "Ben Ali" in answer.out
    assert "\x1b" not in answer.out
    (found,) = shell("people", "--search", "öberg", "--json").document["people"]
    assert (found["name"], found["staff_number"], found["group"], found["pictures"]) == ("Åsa Öberg", "17", "Lab", 1)
    assert (found["status"], found["active"], found["created_at"]) == ("active", True, "2026-01-01T00:00:00.000Z")


def test_names_of_older_databases_reach_no_terminal_raw(shell: Shell, store: Store) -> None:
    evil = "Eve\x1b[2J\u202e\r[bold]x"
    check_in(store, add(store, evil), datetime(2026, 3, 1, 8, tzinfo=UTC))
    for command in (("people",), ("records",), ("people", "--json"), ("records", "--json")):
        out = shell(*command).out
        assert "Eve" in out
        assert not {"\x1b", "\u202e", "\r"} & set(out), command
    assert "[bold]x" in shell("people").out
    assert shell("people", "--json").document["people"][0]["name"] == evil


def test_a_person_whose_name_cannot_be_typed_is_found_by_id(shell: Shell, store: Store) -> None:
    person = add(store, "Eve\x1b")
    assert shell("rename", person.person_id, "Eve").code == 0
    assert store.person(person.person_id).name == "Eve"


def test_rename_deactivate_activate(shell: Shell, store: Store) -> None:
    person = add(store, "Ann Lee")
    add(store, "Ben Ali")
    assert shell("rename", "ann lee", "Ann Li").out == "Ann Lee is now called Ann Li.\n"
    assert shell("deactivate", "Ann Li", "--json").document["person"]["active"] is False
    assert store.person(person.person_id).status == "inactive"
    assert shell("activate", "Ann Li").code == 0
    assert store.person(person.person_id).status == "active"
    taken = shell("rename", "Ann Li", "BEN ALI", "--json")
    assert taken.code == 4
    assert (taken.document["error"], taken.document["field"]) == ("PersonExistsError", "name")
    refused = shell("rename", "Ann Li", "A\u202en")
    assert (refused.code, refused.out) == (4, "")
    assert "reading direction" in refused.err


@pytest.mark.parametrize("command", [("rename", "Nobody", "X"), ("deactivate", "Nobody"), ("remove", "Nobody", "--yes")])
def test_an_unknown_person_is_a_sentence_and_a_code(shell: Shell, command: tuple[str, ...]) -> None:
    answer = shell(*command)
    assert (answer.code, answer.out) == (4, "")
    assert "Nobody called Nobody is enrolled" in answer.err
    assert "Traceback" not in answer.err
    document = shell(*command, "--json").document
    assert (document["error"], document["key"], document["exit_code"]) == ("PersonNotFoundError", "Nobody", 4)


def test_removing_asks_or_wants_to_be_told(shell: Shell, store: Store) -> None:
    person = add(store, "Ann Lee")
    assert shell("remove", "Ann Lee").code == 2  # nobody can be asked here
    assert store.person(person.person_id).name == "Ann Lee"
    assert shell("remove", "Ann Lee", "--yes", "--json").document["person"]["name"] == "Ann Lee"
    assert store.count_people() == 0
    assert store.count_references() == 0


def test_what_was_done_is_in_the_audit_without_names(shell: Shell, store: Store) -> None:
    add(store, "Ann Lee")
    shell("rename", "Ann Lee", "Ann Li")
    shell("remove", "Ann Li", "-y")
    entries = shell("audit", "--json").document["entries"]
    assert [entry["action"] for entry in entries] == ["rename", "remove"]
    assert all(entry["actor"].startswith("cli") for entry in entries)
    assert "Ann" not in json.dumps(entries)
    assert shell("audit").out.count("\n") == 2
    assert shell("audit", "--verify", "--json").document == {"whole": True, "entries": 2}
    assert shell("audit", "--verify").out == "The audit is whole: 2 entries.\n"


# Records --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def records(store: Store) -> Store:
    ann, ben = add(store, "Ann Lee"), add(store, "=HYPERLINK(1)")
    check_in(store, ann, datetime(2026, 3, 1, 22, 59, 59, tzinfo=UTC))  # 23:59:59 at the site
    check_in(store, ben, datetime(2026, 3, 1, 23, 0, 0, tzinfo=UTC))  # midnight there
    check_in(store, ann, datetime(2026, 3, 2, 8, 0, 0, tzinfo=UTC))
    return store


def names(answer: Answer) -> list[str]:
    return [record["person"] for record in answer.document["records"]]


@pytest.mark.usefixtures("records")
def test_records_as_text(shell: Shell) -> None:
    lines = shell("records").out.splitlines()
    assert lines[0] == "2026-03-01 23:59:59+01:00   0.250  Ann Lee"
    assert len(lines) == 3
    assert shell("records", "--from", "2027-01-01").err == "No records.\n"


@pytest.mark.usefixtures("records")
def test_records_as_csv_for_spreadsheets(shell: Shell) -> None:
    answer = shell("records", "--format", "csv")
    assert answer.out.count("\r\n") == 4
    rows = list(csv.DictReader(io.StringIO(answer.out, newline="")))
    assert [row["person"] for row in rows] == ["Ann Lee", "'=HYPERLINK(1)", "Ann Lee"]
    assert rows[0]["time_local"] == "2026-03-01 23:59:59+01:00"
    assert rows[0]["time_utc"] == "2026-03-01T22:59:59.000Z"
    assert (rows[0]["distance_l2"], rows[0]["kind"]) == ("0.25", "check-in")


@pytest.mark.usefixtures("records")
def test_records_as_json(shell: Shell) -> None:
    assert shell("records", "--format", "json").out == shell("records", "--json").out
    assert names(shell("records", "--json")) == ["Ann Lee", "=HYPERLINK(1)", "Ann Lee"]


@pytest.mark.usefixtures("records")
def test_days_are_those_of_the_site(shell: Shell) -> None:
    assert names(shell("records", "--to", "2026-03-01", "--json")) == ["Ann Lee"]
    assert names(shell("records", "--from", "2026-03-02", "--json")) == ["=HYPERLINK(1)", "Ann Lee"]
    assert names(shell("records", "--from", "2026-03-02", "--to", "2026-03-02T09:00", "--json")) == ["=HYPERLINK(1)"]
    assert names(shell("records", "--from", "2026-03-02T08:00Z", "--json")) == ["Ann Lee"]


@pytest.mark.usefixtures("records")
def test_records_of_one_person_also_after_removal(shell: Shell) -> None:
    assert names(shell("records", "--person", "ann lee", "--json")) == ["Ann Lee", "Ann Lee"]
    shell("remove", "Ann Lee", "--yes")
    assert names(shell("records", "--person", "ann lee", "--from", "2026-03-02", "--json")) == ["Ann Lee"]
    assert shell("records", "--person", "Nobody").code == 4


# What goes wrong ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argv",
    [
        ("records", "--from", "yesterday"),
        ("records", "--format", "xml"),
        ("people", "--nonsense"),
        ("unknown",),
        ("rename", "Ann"),
        ("import", "no-such-folder"),
        ("check-in", "x.jpg", "--attempt-id", "a b"),
    ],
)
def test_a_wrong_command_line_is_told(shell: Shell, argv: tuple[str, ...]) -> None:
    answer = shell(*argv)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.strip()
    assert "Traceback" not in answer.err
    told = shell(*argv, "--json")
    assert (told.code, told.document["error"]) == (2, "UsageError")


def test_a_setting_that_cannot_be_used(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEND_TIMEZONE", "Mars/Olympus")
    answer = shell("people", "--json")
    assert answer.code == 7
    assert (answer.document["error"], answer.document["name"]) == ("SettingsError", "ATTEND_TIMEZONE")


@pytest.mark.parametrize("url", ["mongodb://ann:hunter2@127.0.0.1:1/x", "postgres://ann:hunter2@db/x"])
def test_a_password_is_never_written(shell: Shell, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ATTEND_STORE_URL", url)
    monkeypatch.setenv("ATTEND_STORE_TIMEOUT_S", "0.3")
    for argv in (("people",), ("people", "--json"), ("--debug", "people"), ("doctor",)):
        answer = shell(*argv)
        assert answer.code in {1, 6, 7}
        assert "hunter2" not in answer.out + answer.err


def test_help_and_version(shell: Shell) -> None:
    assert shell("--version").out.strip()
    answer = shell("--help")
    assert answer.code == 0
    assert all(word in answer.out for word in ("enrol", "check-in", "doctor"))
    assert shell("people", "-h").code == 0


@pytest.mark.usefixtures("shell", "records")
def test_whoever_stops_reading_causes_no_traceback() -> None:
    argv = [sys.executable, "-m", "attendance", "records", "--format", "csv"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""


@pytest.mark.usefixtures("shell", "records")
def test_a_full_disk_behind_stdout_is_told() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "attendance", "records"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 8
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("shell")
def test_listing_people_loads_no_model_and_no_page() -> None:
    heavy = ["onnxruntime", "torch", "streamlit", "numba", "onnx", "cv2", "pymongo", "openvino"]
    code = f"""
import sys
from attendance.cli import main
for argv in (["people"], ["records"], ["audit"], ["--help"]):
    assert main(argv) == 0
print(sorted(set({heavy}) & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
