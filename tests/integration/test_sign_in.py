"""The pages and routes of sign-in and set-up behind the real guard, on a real database."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from attendance.api import html
from attendance.api.limits import Delays
from attendance.api.requests import STYLE
from attendance.api.running import running
from attendance.api.sign_in import network
from attendance.errors import StoreUnavailableError
from attendance.services import passwords
from attendance.services.accounts import Accounts
from tests.account_place import GOOD, OTHER
from tests.door_server import Server, servers_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher.from_parameters(CHEAPEST))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    yield from servers_in(tmp_path)


def away(*_: Any, **__: Any) -> Any:
    raise StoreUnavailableError("The database cannot be reached.", reason="unreachable")


# First set-up --------------------------------------------------------------------------------------------------------


def test_nothing_but_the_link_works_before_there_is_a_password(make: Callable[..., Server]) -> None:
    server = make(password=False)
    browser = server.browser()
    assert {browser.get(path).status_code for path in ("/", "/records", "/in/sign-in", "/in/pair", "/in/whoami")} == {503}
    assert server.sign_in(browser).status_code == 503
    link = f"/in/setup?token={running().accounts.new_link()}"
    page = browser.get(link)
    assert page.status_code == 200
    assert "At least 12 characters" in page.text
    assert (
        browser.get(STYLE).status_code == browser.get(html.SCRIPT).status_code == browser.get(html.ICON).status_code == 200
    )
    done = server.post(browser, link, password=GOOD)
    assert (done.status_code, done.headers["location"]) == (303, "/records")
    assert "<title>Attend</title>" in browser.get("/records").text
    assert browser.get(link).status_code == 404
    assert server.post(server.browser(), link, password=OTHER).status_code == 404
    assert server.sign_in(server.browser(), OTHER).status_code == 401


def test_a_refused_password_says_why_and_leaves_the_link(make: Callable[..., Server]) -> None:
    server = make(password=False)
    browser = server.browser()
    link = f"/in/setup?token={running().accounts.new_link()}"
    for password, told in (
        ("short", "at least 12 characters"),
        ("x" * 300, "at most 256"),
        ("aaaaaaaaaaaaaaa", "easy to guess"),
    ):
        answer = server.post(browser, link, password=password)
        assert answer.status_code == 422
        assert told in answer.text
        assert password not in answer.text
    assert server.post(browser, link, password=GOOD).status_code == 303


@pytest.mark.parametrize("query", ["", "?token=", "?token=%00", "?token=x&token=y", "?token=" + "a" * 4000])
def test_a_made_up_link_is_refused(make: Callable[..., Server], query: str) -> None:
    server = make(password=False)
    browser = server.browser()
    running().accounts.new_link()
    assert browser.get(f"/in/setup{query}").status_code == 404
    assert server.post(browser, f"/in/setup{query}", password=GOOD).status_code == 404
    assert not running().accounts.has_password()


# Sign-in and sign-out ------------------------------------------------------------------------------------------------


def test_sign_in_leads_to_the_office_and_a_refresh_keeps_it(make: Callable[..., Server]) -> None:
    server = make()
    browser = server.browser()
    refused = browser.get("/people")
    assert (refused.status_code, refused.headers["location"]) == (303, "/in/sign-in?next=/people")
    assert 'value="/people"' in browser.get(refused.headers["location"]).text
    done = server.sign_in(browser, next="/people")
    assert (done.status_code, done.headers["location"]) == (303, "/people")
    [cookie] = [header for header in done.headers.get_list("set-cookie") if header.startswith("attend_session=")]
    assert cookie.endswith("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax")
    page = browser.get("/people")
    assert (page.status_code, "<title>Attend</title>" in page.text) == (200, True)
    assert browser.get("/in/whoami").json() == {"who": "operator"}
    assert browser.get("/in/sign-in").headers["location"] == "/records"
    assert server.browser().get("/in/whoami").status_code == 401


def test_on_https_the_cookie_is_never_sent_by_http(make: Callable[..., Server]) -> None:
    server = make(scheme="https")
    assert server.sign_in(server.browser()).headers["set-cookie"].endswith("; Secure")


def test_each_sign_in_has_a_new_id_and_ends_the_old_one(make: Callable[..., Server]) -> None:
    server = make()
    browser = server.browser()
    server.sign_in(browser)
    thief = server.browser("192.0.2.7", attend_session=browser.cookies["attend_session"])
    assert thief.get("/in/whoami").status_code == 200
    server.sign_in(browser)
    assert browser.get("/in/whoami").status_code == 200
    assert thief.get("/in/whoami").status_code == 401


@pytest.mark.parametrize("script", [False, True])
def test_signing_out_ends_the_session_everywhere(make: Callable[..., Server], script: bool) -> None:
    server = make()
    browser = server.browser()
    server.sign_in(browser)
    second_tab = server.browser(attend_session=browser.cookies["attend_session"])
    assert second_tab.get("/records").status_code == 200
    answer = server.post(browser, "/in/sign-out", {"Accept": "*/*"} if script else None)
    onward = answer.json()["next"] if script else answer.headers["location"]
    assert (answer.status_code, onward) == (200 if script else 303, "/in/sign-in?out")
    assert "Signed out." in browser.get(onward).text
    led = second_tab.get("/records").headers["location"]
    assert led.startswith("/in/sign-in?next=/records&ended")
    assert "You were signed out." in second_tab.get(led).text
    assert server.post(browser, "/in/sign-out").status_code == 303  # once more does nothing


def test_a_wrong_password_and_then_too_many(make: Callable[..., Server]) -> None:
    server = make()
    browser = server.browser("192.0.2.7")
    answers = [server.sign_in(browser, OTHER) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 429, 429]
    assert "That password isn't right." in answers[0].text
    assert re.search(r"Too many tries. Try again in <span[^>]*>2</span> s.", answers[4].text)
    assert answers[4].headers["retry-after"] == "2"
    assert server.sign_in(browser, GOOD).status_code == 429  # even with the right one
    assert server.sign_in(server.browser("192.0.2.8"), GOOD).status_code == 303  # others are not held up


def test_a_try_counts_before_it_is_checked(make: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    server, counted = make(), list[str]()
    begin, fits = Delays.begin, passwords.fits

    def counting(delays: Delays, key: str) -> float:
        counted.append("counted")
        return begin(delays, key)

    def checking(kept: str, password: str) -> bool:
        counted.append("checked")
        return fits(kept, password)

    monkeypatch.setattr(Delays, "begin", counting)
    monkeypatch.setattr(passwords, "fits", checking)
    server.sign_in(server.browser(), OTHER)
    assert counted == ["counted", "checked"]


def test_many_addresses_together_are_held_back(make: Callable[..., Server]) -> None:
    server = make()
    codes = [server.sign_in(server.browser(f"198.51.100.{number}"), OTHER).status_code for number in range(25)]
    assert codes[:20] == [401] * 20
    assert codes[-1] == 429


def test_addresses_of_one_network_count_together() -> None:
    assert network("2001:db8:1:2::1") == network("2001:db8:1:2:ffff::9") != network("2001:db8:1:3::1")
    assert network("::ffff:192.0.2.7") == network("192.0.2.7") != network("192.0.2.8")
    assert network("fe80::1%eth0") == network("fe80::2")
    assert network("testclient") == "testclient"


@pytest.mark.parametrize(
    "onward",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/in/sign-out",
        "javascript:alert(1)",
        "/a\r\nb",
        '/"><b>',
    ],
)
def test_nobody_is_led_to_another_place(make: Callable[..., Server], onward: str) -> None:
    server = make()
    browser = server.browser()
    page = browser.get("/in/sign-in", params={"next": onward})
    assert 'name="next" value="/records"' in page.text
    assert server.sign_in(browser, next=onward).headers["location"] == "/records"


# What forms are refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/in/sign-in", "/in/setup", "/in/sign-out"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_form_of_another_site_does_nothing(make: Callable[..., Server], path: str, headers: dict[str, str]) -> None:
    server = make()
    browser = server.browser()
    server.sign_in(browser)
    token = running().accounts.new_link()
    answer = browser.post(f"{path}?token={token}", data={"password": OTHER}, headers=headers)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    assert browser.get("/in/whoami").status_code == 200
    assert running().accounts.check(GOOD)


def test_only_forms_are_read_and_only_short_ones(make: Callable[..., Server]) -> None:
    server = make()
    browser, origin = server.browser(), {"Origin": server.base}
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
        answer = browser.post("/in/sign-in", content=b"password=x", headers={**origin, "Content-Type": kind})
        assert answer.status_code == 415
    assert server.sign_in(browser, "x" * 9000).status_code == 413


# Away ----------------------------------------------------------------------------------------------------------------


def test_while_the_database_is_away_nobody_is_told_a_lie(
    make: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make("paired")
    browser = server.browser()
    server.sign_in(browser)
    with monkeypatch.context() as patched:
        patched.setattr(Accounts, "session", away)
        assert browser.get("/in/whoami").status_code == 503
        assert browser.get("/in/sign-in").status_code == 503
    with monkeypatch.context() as patched:  # between the guard's question and ours
        patched.setattr(Accounts, "end", away)
        answer = server.post(browser, "/in/sign-out")
        assert answer.status_code == 503
        assert "This browser is signed out. Its session ends by itself" in answer.text
        assert browser.cookies.get("attend_session") is None
        patched.setattr(Accounts, "sign_in", away)
        assert server.sign_in(browser).status_code == 503
