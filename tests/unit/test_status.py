"""What the doctor and the Status page find: true of a store that works, and of each way in which it does not."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from pydantic import SecretStr

from attendance import checks
from attendance.bootstrap import build
from attendance.errors import StoreUnavailableError
from attendance.params import flat
from attendance.services import status
from attendance.services.choices import Chosen
from attendance.services.status import Finding, Status, found, headline, worst
from attendance.settings import Params, Settings
from tests.fakes import House, away, picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.store.base import Store
    from tests.cli_shell import Shell

FILE = flat(Params())


def messages(findings: object) -> list[str]:
    return [one.message for one in cast("list[Finding]", list(cast("Iterator[Finding]", findings)))]


def test_the_store_is_written_to_and_nothing_of_it_stays(house: House) -> None:
    house.add("Ada", 1)
    calls_before = len(house.store.calls)
    first, counts, where = messages(status.store_findings(cast("Store", house.store)))
    assert first.startswith("SQLite 3.")
    assert first.endswith(", and can be written.")
    assert counts == "1 person, 3 pictures, 0 check-ins."
    assert "attendance.db" in where
    assert [one for one in house.store.calls[calls_before:] if one in {"keep", "kept", "forget"}] == [
        "keep",
        "kept",
        "forget",
    ]
    assert house.real_store.all_kept(status.PROBE) == []


def test_a_store_that_reads_and_cannot_write_is_a_fault(house: House) -> None:
    house.store.replace("keep", away)
    (one,) = found({"store": lambda: status.store_findings(cast("Store", house.store))}, str)
    assert (one.status, one.message) == (Status.FAULT, "The database cannot be reached.")


def test_a_store_that_gives_something_else_back_is_a_fault(house: House) -> None:
    house.store.replace("kept", lambda *_: None)
    with pytest.raises(StoreUnavailableError, match="did not give back"):
        status.prove_writable(cast("Store", house.store))


def test_a_check_that_breaks_off_is_told_and_the_others_go_on() -> None:
    def broken() -> list[Finding]:
        raise OSError(13, "Permission denied", "/data")

    findings = found({"disk": broken, "time": lambda: [Finding("time", Status.OK, "It is late.")]}, str)
    assert [(one.check, one.status) for one in findings] == [("disk", Status.FAULT), ("time", Status.OK)]
    assert worst(findings) is Status.FAULT
    assert worst([]) is Status.OK


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ([], "All well."),
        ([("Database", Status.OK), ("Disk", Status.OK)], "All well."),
        ([("Database", Status.OK), ("Disk", Status.WARNING)], "It works. Worth a look: disk."),
        ([("Database", Status.FAULT), ("Disk", Status.WARNING)], "Not working: database."),
        (
            [(name, Status.FAULT) for name in ("Database", "Face model", "Disk")],
            "Not working: database, face model and disk.",
        ),
    ],
)
def test_one_sentence_says_how_it_is(parts: list[tuple[str, Status]], sentence: str) -> None:
    assert headline(parts)[0] == sentence


def test_the_last_check_in_and_a_clock_that_was_set_back(house: House) -> None:
    store = house.real_store
    assert messages(status.last_check_in_findings(store, None, house.clock)) == [status.WITHOUT_PERSON]
    house.add("Ada", 1)
    house.checkin.attempt(picture(1, 7))
    (now,) = status.last_check_in_findings(store, None, house.clock)
    assert now.status is Status.OK
    earlier = house.clock() - timedelta(hours=1)
    (before,) = status.last_check_in_findings(store, None, lambda: earlier)
    assert before.status is Status.WARNING
    assert "lies in the future" in before.message


def test_a_disk_is_counted_once_and_told_when_it_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free_mb, expected in ((5_000, Status.OK), (500, Status.WARNING), (50, Status.FAULT)):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free_mb: SimpleNamespace(free=free * 1_000_000))
        (one,) = status.disk_findings([tmp_path, tmp_path / "not" / "there", tmp_path])
        assert (one.status, bool(one.advice)) == (expected, expected is not Status.OK)


def test_only_saved_settings_that_differ_are_listed() -> None:
    assert messages(status.settings_findings(Chosen(), FILE)) == ["As in params.yaml."]
    same = Chosen({"policy.cooldown_s": FILE["policy.cooldown_s"]}, 3)
    assert messages(status.settings_findings(same, FILE)) == ["As in params.yaml."]
    other = Chosen({"policy.cooldown_s": 5.0, "recognition.use_alignment": False}, 4)
    assert messages(status.settings_findings(other, FILE)) == [
        "Saved over params.yaml, version 4: policy.cooldown_s is 5 (60 there), recognition.use_alignment is off (on there)."
    ]


def test_the_queue_tells_when_kiosks_wait_for_each_other() -> None:
    (idle,) = status.queue_findings(2, 1, 9, 0)
    assert (idle.status, idle.message) == (Status.OK, "1 of 2 at work, 0 waiting; 9 done and 0 turned away so far.")
    (full,) = status.queue_findings(2, 6, 9_000, 12)
    assert (full.status, full.message) == (
        Status.WARNING,
        "2 of 2 at work, 4 waiting; 9,000 done and 12 turned away so far.",
    )


def test_a_store_that_is_away_is_asked_once_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    url = SecretStr("mongodb://ann:hunter2@127.0.0.1:1/attend")
    parts = build(Settings(store_url=url, store_timeout_s=0.3, model_dir=tmp_path, offline=True))
    (only,) = checks.of_store(parts, str)
    assert (only.check, only.status) == ("store", Status.FAULT)
    assert "hunter2" not in only.message
    rest = found({**checks.changing(parts), **checks.lasting(parts)}, str)
    assert {one.check for one in rest} == {"time zone", "disk", "settings", "models", "speed", "camera"}
    parts.close()


# The command line decides with the saved settings, and makes the models ready without a store. ---------------------------


def test_the_command_line_uses_what_is_saved(shell: Shell, house: House) -> None:
    from attendance.services.choices import Choices

    Choices(house.real_store).save({"thresholds.dlib": 0.41}, expected_version=0, actor="Olof")
    in_use = shell("models", "--json").document["in_use"]
    assert in_use["threshold"] == 0.41
    found_now = {one["check"]: one for one in shell("doctor", "--json").document["checks"]}
    assert "thresholds.dlib is 0.41 (0.53 there)" in found_now["saved settings"]["message"]


def test_a_saved_value_that_cannot_be_used_stops_with_a_sentence(shell: Shell, house: House) -> None:
    from attendance.services.choices import Choices

    Choices(house.real_store).save({"thresholds.dlib": 99}, expected_version=0, actor="another version of the app")
    answer = shell("models")
    assert answer.code == 7
    assert "The saved setting thresholds.dlib can't be used. Must be more than 0.00 and at most 2.00." in answer.err
    faults = {one["check"] for one in shell("doctor", "--json").document["checks"] if one["status"] == "fault"}
    assert "saved settings" in faults


def test_the_model_files_are_made_while_the_store_is_away(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, model_dir: Path
) -> None:
    monkeypatch.setenv("ATTEND_STORE_URL", "mongodb://ann:hunter2@127.0.0.1:1/attend")
    monkeypatch.setenv("ATTEND_STORE_TIMEOUT_S", "0.3")
    monkeypatch.setenv("ATTEND_MODEL_DIR", str(model_dir))
    monkeypatch.setenv("ATTEND_ACCELERATE", "false")
    answer = shell("models", "--prepare", "--json")
    assert answer.code == 0
    assert {one["family"] for one in json.loads(answer.out)["models"]} == {"facenet", "dlib", "mtcnn"}
    assert "The model files are made ready; the stored pictures have to wait." in answer.err
    assert "hunter2" not in answer.err
    assert (model_dir / "mtcnn-1" / "manifest.json").exists()
    fetched = shell("models", "--fetch")
    assert fetched.code == 5, "without a network the weights are what is missing, not the store"
