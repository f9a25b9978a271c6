"""`tracking`: what was sent and what waits, the switch, experiments; and attempts of the command line are tracked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from attendance.bootstrap import tracking as parts_module
from attendance.bootstrap.tracking import tracking_of
from attendance.services.outbox import Round
from attendance.settings import load
from tests.cli_shell import Shell
from tests.store_makers import attempt

if TYPE_CHECKING:
    from pathlib import Path

    from attendance.store.base import Store

AWAY = "http://joe:secret@127.0.0.1:9/"  # nothing listens on the discard port


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Shell:
    return Shell(tmp_path, monkeypatch, capfdbinary, MLFLOW_TRACKING_URI=AWAY)


def test_off_with_nothing_to_say(shell: Shell) -> None:
    answer = shell("tracking")
    assert answer.code == 0
    assert answer.out.splitlines() == ["Tracking is off.", "0 sent, 0 waiting.", "Sent to http://***@127.0.0.1:9/."]
    assert shell("tracking", "status", "--json").document == {
        "on": False,
        "experiment": None,
        "sent": 0,
        "waiting": 0,
        "oldest_waiting_at_utc": None,
        "last_success_at_utc": None,
        "last_error": None,
        "last_error_at_utc": None,
        "failing": False,
        "refused": 0,
        "refused_reason": None,
        "refused_at_utc": None,
        "destination": "http://***@127.0.0.1:9/",
        "installed": True,
    }


def test_the_setting_the_switch_and_experiments(shell: Shell, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shell("tracking", "begin", "a").code == 7
    monkeypatch.setenv("ATTEND_TRACKING", "1")
    assert "Tracking is on." in shell("tracking").out
    assert "Tracking is off." in shell("tracking", "off").out  # over the setting
    assert "Tracking is on." in shell("tracking", "on").out
    assert "Experiment: threshold 0.5." in shell("tracking", "begin", "threshold 0.5").out
    assert shell("tracking", "--json").document["experiment"] == "threshold 0.5"
    assert shell("tracking", "begin").code == 2
    assert "Experiment" not in shell("tracking", "end").out
    assert "No experiment is under way." in shell("tracking", "end").err
    assert [one.action for one in store.audit()] == ["save-settings"] * 2 + ["begin-experiment", "end-experiment"]


def test_what_cannot_be_sent_is_said_and_waits(shell: Shell, store: Store) -> None:
    store.settle(attempt(None, session="s1"), 60.0)
    answer = shell("tracking", "flush", "--timeout", "0")
    assert answer.code == 1
    assert "0 sent, 1 waiting, the oldest since 2 Mar 2026, 13:00:00." in answer.out
    assert "Not reached at" in answer.err
    assert "secret" not in answer.out + answer.err
    found = shell("tracking", "--json").document
    assert (found["waiting"], found["failing"]) == (1, True)
    assert "warning tracking: Not reached" in shell("doctor").out


def test_what_is_refused_for_ever_is_said(
    shell: Shell, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    store.settle(attempt(None, datetime(1969, 7, 20, tzinfo=UTC), session="s1"), 60.0)
    store.settle(attempt(None, session="s1"), 60.0)
    answer = shell("tracking", "flush", "--timeout", "120")
    assert answer.code == 1
    assert "1 sent, 0 waiting." in answer.out
    assert "1 attempt was refused by MLflow and set aside, the last at" in answer.err
    found = shell("tracking", "--json").document
    assert (found["sent"], found["waiting"], found["refused"]) == (1, 0, 1)
    assert "nonnegative" in found["refused_reason"]
    assert "warning tracking: 1 attempt was refused" in shell("doctor").out


def test_all_of_it_arrives(shell: Shell, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    store.settle(attempt(None, session="s1"), 60.0)
    answer = shell("tracking", "flush", "--timeout", "120")
    assert answer.code == 0
    assert "1 sent, 0 waiting." in answer.out


def test_without_mlflow_it_waits_and_says_so_once(shell: Shell, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts_module, "find_spec", lambda _: None)
    store.settle(attempt(None, session="s1"), 60.0)
    outbox = tracking_of(store, load(), None, server=True).outbox
    with capture_logs() as said:
        assert [outbox.run_once() for _ in range(3)] == [Round.FAILED] * 3
    assert [one["event"] for one in said] == ["tracking_waits"]
    assert outbox.state().waiting == 1
    assert "MLflow is not installed" in shell("tracking").err
