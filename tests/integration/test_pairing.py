"""A screen that is not paired: its code, its way on, and what is told to whom."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from attendance.api import recognition
from attendance.api.limits import Breaker
from attendance.api.running import running
from attendance.errors import StoreUnavailableError
from attendance.services import passwords
from attendance.services.devices import Devices
from tests.door_server import Server, servers_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.door_server import Browser


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cheap hashes, and a guard that remembers no pairing for its two seconds."""
    monkeypatch.setattr(recognition, "PAIRED_FOR_S", 0.0)
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher.from_parameters(CHEAPEST))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    yield from servers_in(tmp_path)


def shown(browser: Browser) -> str:
    """The code on the screen."""
    page = browser.get("/in/pair?again")
    assert page.status_code == 200
    found = re.search(r'data-pairing="([A-Z]+ [0-9]{3})"', page.text)
    assert found
    assert all(f"<span>{part}</span>" in page.text for part in found[1].split())
    return found[1]


def test_an_unpaired_screen_shows_its_code_until_an_operator_types_it(make: Callable[..., Server]) -> None:
    server = make("paired")
    screen, neighbour = server.browser("192.0.2.1"), server.browser("192.0.2.1")
    assert screen.get("/").headers["location"] == "/in/pair"
    code = shown(screen)
    neighbour.get("/")
    assert shown(neighbour) != code
    assert shown(screen) == code
    assert screen.get("/in/pair/state").json() == {"paired": False, "code": code}
    running().devices.pair(code, "Door", actor="operator")
    assert screen.get("/in/pair/state").json() == {"paired": True, "code": None}
    assert screen.get("/in/pair").headers["location"] == "/"
    assert "<title>Attend</title>" in screen.get("/").text
    assert neighbour.get("/").headers["location"] == "/in/pair"


def test_a_screen_that_was_unpaired_is_sent_back_to_its_code(make: Callable[..., Server]) -> None:
    server = make("paired")
    screen = server.browser()
    screen.get("/")
    device = running().devices.pair(shown(screen), "Door", actor="operator")
    running().devices.unpair(device.device_id, actor="operator")
    assert screen.get("/").headers["location"] == "/in/pair"


def test_a_browser_that_keeps_no_cookie_gets_no_code(make: Callable[..., Server]) -> None:
    """It would wait for ever, and a program that asks again and again would use up all places."""
    server = make("paired")
    for _ in range(3):
        stranger = server.browser(attend_device="made-up.cookie")
        assert stranger.get("/in/pair").headers["location"] == "/in/pair?again"
        stranger = server.browser(attend_device="made-up.cookie")
        assert "keeps no cookies" in stranger.get("/in/pair?again").text
        assert server.browser().get("/in/pair/state").json() == {"paired": False, "code": None}
    assert running().store.all_kept("pairing") == []


def test_an_open_kiosk_needs_no_code_but_an_operator_may_see_one(make: Callable[..., Server]) -> None:
    server = make("open")
    screen = server.browser()
    assert screen.get("/in/pair").headers["location"] == "/"
    screen.get("/")
    server.sign_in(screen)
    assert shown(screen)


def test_while_nothing_can_be_known_it_says_so(make: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    server = make("paired")
    screen = server.browser()
    screen.get("/")
    code = shown(screen)
    with monkeypatch.context() as patched:
        patched.setattr(Devices, "code_for", _raising(StoreUnavailableError("Away.", reason="unreachable")))
        assert (page := screen.get("/in/pair?again")).status_code == 503
        assert "Check-in is paused" in page.text
        assert "KESTREL" not in page.text
    monkeypatch.setattr(running(), "_breaker", Breaker())  # a second later
    assert shown(screen) == code


def _raising(error: Exception) -> Callable[..., str]:
    def answer(*_: object, **__: object) -> str:
        raise error

    return answer
