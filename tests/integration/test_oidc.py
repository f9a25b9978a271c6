"""Signing in through the site's own provider: a real one on loopback, the real server, and a client that keeps cookies."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from attendance.api.oidc import may_sign_in
from tests.integration.oidc_provider import Provider, provider, secrets_for
from tests.real_server import free_port, serving, set_password

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.real_server import App

OPERATORS = "ada@example.org, Grace@Example.org"


@pytest.fixture(scope="module")
def known() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, known: Provider) -> Iterator[App]:
    folder, port = tmp_path_factory.mktemp("oidc"), free_port()
    (folder / "secrets.toml").write_text(secrets_for(known, f"http://127.0.0.1:{port}"))
    options = ["--secrets.files", str(folder / "secrets.toml")]
    with serving(folder, model_dir, *options, port=port, ATTEND_OPERATORS=OPERATORS) as running:
        set_password(running)
        yield running


@pytest.fixture
def browser(app: App, known: Provider) -> Iterator[httpx.Client]:
    """Keeps cookies and follows redirects, to the provider and back."""
    known.email, known.claims = "ada@example.org", {}
    headers = {"Accept": "text/html", "Origin": app.url}
    with httpx.Client(base_url=app.url, follow_redirects=True, timeout=30, headers=headers) as client:
        yield client


def who(browser: httpx.Client) -> Any:
    return browser.get("/in/whoami").json()["who"]


def test_who_is_on_the_list_gets_a_session_of_ours(browser: httpx.Client, known: Provider) -> None:
    for email in ("ada@example.org", "GRACE@example.org"):
        browser.cookies.clear()
        known.email = email
        answer = browser.get("/in/oidc")
        assert (answer.status_code, answer.url.path) == (200, "/records")
        assert who(browser) == email.lower()


def test_who_is_not_on_the_list_gets_none(browser: httpx.Client, known: Provider) -> None:
    known.email = "eve@example.org"
    answer = browser.get("/in/oidc")
    assert answer.status_code == 403
    assert "This account may not sign in" in answer.text
    assert browser.get("/").status_code == 200, "the check-in is still there for them"
    assert browser.get("/records").url.path == "/in/sign-in"


def test_an_address_that_the_provider_does_not_vouch_for_is_none(browser: httpx.Client, known: Provider) -> None:
    known.claims = {"email_verified": False}
    assert browser.get("/in/oidc").status_code == 403


def test_streamlits_cookie_opens_nothing_by_itself_and_is_taken_once(app: App, browser: httpx.Client) -> None:
    browser.get("/in/oidc")
    cookies = {cookie.name: cookie.value for cookie in browser.cookies.jar if cookie.name.startswith("_streamlit")}
    assert "_streamlit_user" in cookies
    with httpx.Client(base_url=app.url, cookies=cookies, timeout=30) as other:  # type: ignore[arg-type]  # values are text
        assert other.get("/in/whoami").status_code == 401
        assert other.get("/in/oidc").status_code == 403, "exchanged already"
        assert other.get("/in/whoami").status_code == 401


def test_signing_out_goes_on_to_the_provider(browser: httpx.Client, known: Provider) -> None:
    browser.get("/in/oidc")
    before = known.signed_out
    onward = browser.post("/in/sign-out", headers={"Accept": "application/json"}).json()["next"]
    assert onward == "/auth/logout"
    browser.get(onward)
    assert known.signed_out == before + 1
    assert browser.get("/records").url.path == "/in/sign-in"
    assert not [cookie for cookie in browser.cookies.jar if cookie.name == "_streamlit_user"]


NOW = 1_700_000_000.0
GOOD = {"is_logged_in": True, "exp": NOW + 1, "email": "ada@example.org"}


def test_what_the_provider_says_is_checked() -> None:
    assert may_sign_in(GOOD, OPERATORS, NOW)
    assert may_sign_in(GOOD | {"email_verified": True}, OPERATORS, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"is_logged_in": False},
        {"is_logged_in": "yes"},
        {"exp": NOW},
        {"exp": None},
        {"exp": str(NOW + 9)},
        {"email": None},
        {"email": ""},
        {"email": "ada@example.org.evil.example"},
        {"email": ["ada@example.org"]},
        {"email_verified": False},
        {"email_verified": "false"},
    ],
)
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    assert not may_sign_in(GOOD | change, OPERATORS, NOW)
    assert not may_sign_in({}, OPERATORS, NOW)
    assert not may_sign_in(GOOD, "", time.time())
