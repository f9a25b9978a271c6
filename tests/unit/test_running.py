"""The application of a process: brought up beside the server, tried again, renewed when operators save, closed once."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from attendance.api import running as module
from attendance.api.running import Running, reset, running
from attendance.bootstrap import Application
from attendance.errors import StoreUnavailableError, WeightsUnavailableError
from attendance.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        store_url=SecretStr(f"sqlite:///{tmp_path}/attendance.db"), model_dir=tmp_path, embedder="dlib", offline=True
    )


@pytest.fixture(autouse=True)
def _without_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is loaded here; the real models are in tests/integration."""
    monkeypatch.setattr(Application, "prepare", lambda _: None)
    monkeypatch.setattr(Application, "detector", object(), raising=False)


@pytest.fixture
def server(settings: Settings) -> Iterator[Running]:
    made = Running(settings)
    yield made
    made.close()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_there_is_one_application_and_everybody_waits_for_it(server: Running) -> None:
    assert server.state == "starting"
    made: list[Application] = []
    threads = [threading.Thread(target=lambda: made.append(server.application())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, made))) == 1
    assert server.state == "ready"
    assert made[0].store is server.store


def test_it_is_tried_again_until_it_works(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def fail_twice(_: Application) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise WeightsUnavailableError("missing", model="dlib", reason="missing")

    monkeypatch.setattr(Application, "prepare", fail_twice)
    monkeypatch.setattr(module, "RETRY_S", (0.01, 0.02))
    server.start()
    server.start()  # a second call does nothing
    until(lambda: server.state == "ready")
    assert len(tries) == 3
    assert server.error is None


def test_a_failure_is_told_and_not_tried_with_every_call(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def fail(_: Application) -> None:
        tries.append(1)
        raise WeightsUnavailableError("missing", model="dlib", reason="missing")

    monkeypatch.setattr(Application, "prepare", fail)
    for _ in range(5):
        with pytest.raises(WeightsUnavailableError):
            server.application()
    assert len(tries) == 1
    assert server.state == "failed"
    assert isinstance(server.error, WeightsUnavailableError)


def save(server: Running, **values: Any) -> None:
    named = {name.replace("__", "."): value for name, value in values.items()}
    choices = server.application().choices
    choices.save(named, expected_version=choices.current().version, actor="operator")


def test_saved_settings_hold_at_once_for_the_page_that_saved_them(server: Running) -> None:
    before = server.application()
    save(server, policy__cooldown_s=5.0)
    server.follow(at_once=True)
    after = server.application()
    assert after is not before
    assert after.params.policy.cooldown_s == 5.0
    assert after.store is before.store
    assert after.detector is before.detector, "what is dear to make is taken over"


def test_the_others_look_once_a_second_and_renew_only_for_a_change(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    before = server.application()
    server.follow()
    assert server.application() is before
    save(server, policy__cooldown_s=5.0)
    server.follow()
    assert server.application() is before, "looked a moment ago"
    monkeypatch.setattr(server, "_next_look", 0.0)
    server.follow()
    assert server.application() is not before


def test_values_that_cannot_be_used_count_as_a_failure_and_are_left_when_mended(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.application()
    save(server, policy__cooldown_s=5.0)
    broken = [True]

    def prepare(_: Application) -> None:
        if broken:
            raise WeightsUnavailableError("missing", model="dlib", reason="missing")

    monkeypatch.setattr(Application, "prepare", prepare)
    monkeypatch.setattr(module, "RETRY_S", (0.01, 0.02))
    with pytest.raises(WeightsUnavailableError):
        server.follow(at_once=True)
    assert server.state == "failed"
    broken.clear()
    until(lambda: server.state == "ready")
    assert server.application().params.policy.cooldown_s == 5.0


def test_a_store_that_is_away_stops_no_following(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    before = server.application()

    def away(*_: object) -> None:
        raise StoreUnavailableError("The database cannot be reached.", reason="unreachable")

    monkeypatch.setattr(type(before.choices), "current", away)
    server.follow(at_once=True)
    assert server.application() is before


def test_accounts_and_devices_need_the_store_alone(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Application, "prepare", lambda _: pytest.fail("no model is needed"))
    assert not server.accounts.has_password()
    assert not server.devices.paired()
    assert asyncio.run(server.ask(server.accounts.has_password)) is False
    assert asyncio.run(server.work(lambda: 7)) == 7


def test_closing_twice_does_nothing_and_a_new_one_is_made(settings: Settings) -> None:
    reset(settings)
    first = running()
    assert running() is first
    reset(settings)
    first.close()
    assert running() is not first
    reset()
