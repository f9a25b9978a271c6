"""Which path is whose, and where a server stands: host names, and whether its kiosk is open to all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.api.doors import Door, door_of, is_local, place_of
from attendance.api.headers import content_security_policy
from attendance.api.streamlit_private import inline_scripts

OFFICE = ("records", "people")


@pytest.mark.parametrize(
    ("path", "door"),
    [
        ("/", Door.KIOSK_PAGE),
        ("/records", Door.OFFICE_PAGE),
        ("/records/", Door.OFFICE_PAGE),
        ("//records", Door.NOWHERE),
        ("/Records", Door.NOWHERE),
        ("/records/x", Door.NOWHERE),
        ("/in/sign-in", Door.SIGN_IN),
        ("/in/setup", Door.SETUP),
        ("/in/setup/", Door.SIGN_IN),
        ("/in", Door.NOWHERE),
        ("/inside", Door.NOWHERE),
        ("/api/kiosk/frame", Door.KIOSK),
        ("/api/other", Door.NOWHERE),
        ("/static/js/a.js", Door.STATIC),
        ("/static", Door.NOWHERE),
        ("/app/static/fonts/a.woff2", Door.STATIC),
        ("/media/abc.png", Door.OFFICE),
        ("/_stcore/health", Door.HEALTH),
        ("/_stcore/health/", Door.NOWHERE),
        ("/_stcore/metrics", Door.NOWHERE),
        ("/_stcore/agent/mcp", Door.NOWHERE),
        ("/_stcore/stream", Door.NOWHERE),
        ("", Door.NOWHERE),
    ],
)
def test_whose_a_path_is(path: str, door: Door) -> None:
    assert door_of(path, OFFICE) is door


@given(st.text(max_size=40))
def test_a_made_up_path_is_nobodys(text: str) -> None:
    assert door_of("/x" + text, OFFICE) is Door.NOWHERE


@pytest.mark.parametrize(
    ("address", "public", "allowed", "access", "hosts", "is_open"),
    [
        ("127.0.0.1", "", [], "auto", {"localhost", "127.0.0.1", "::1"}, True),
        ("localhost", "", [], "auto", {"localhost", "127.0.0.1", "::1"}, True),
        ("127.0.0.1", "http://localhost:8501", [], "auto", {"localhost", "127.0.0.1", "::1"}, True),
        ("127.0.0.1", "", [], "paired", {"localhost", "127.0.0.1", "::1"}, False),
        ("127.0.0.1", "https://A.example/", [], "auto", {"localhost", "127.0.0.1", "::1", "a.example"}, False),
        ("127.0.0.1", "https://a.example", [], "open", {"localhost", "127.0.0.1", "::1", "a.example"}, True),
        ("127.0.0.1", "", ["b.example"], "auto", {"localhost", "127.0.0.1", "::1", "b.example"}, False),
        ("127.0.0.1", "", ["*.b.example"], "auto", set(), False),
        ("", "", [], "auto", set(), False),
        ("0.0.0.0", "", [], "auto", set(), False),  # noqa: S104 - what a user may set
        ("::", "https://a.example", [], "auto", {"localhost", "127.0.0.1", "::1", "a.example"}, False),
        ("192.0.2.1", "", [], "open", set(), True),
    ],
)
def test_where_a_server_stands(
    address: str, public: str, allowed: list[str], access: str, hosts: set[str], is_open: bool
) -> None:
    place = place_of(address=address, public_url=public, allowed_hosts=allowed, access=access)
    assert (set(place.hosts), place.open) == (hosts, is_open)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8501", "LOCALHOST:1", "127.0.0.1:8501", "[::1]:8501", "localhost."]
)
def test_it_answers_to_its_own_names(host: str) -> None:
    assert place_of(address="127.0.0.1", public_url="", allowed_hosts=[], access="auto").answers_to(host)


@pytest.mark.parametrize(
    "host", [None, "", "evil.example", "localhost.evil.example", "[::1", "user@evil.example:80", "127.0.0.2"]
)
def test_it_answers_to_no_other(host: str | None) -> None:
    assert not place_of(address="127.0.0.1", public_url="", allowed_hosts=[], access="auto").answers_to(host)


def test_local_is_this_machine_alone() -> None:
    assert all(map(is_local, ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]"]))
    assert not any(map(is_local, ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example"]))  # noqa: S104 - the same


def test_the_policy_allows_streamlits_inline_script_and_no_other_place() -> None:
    scripts = inline_scripts()
    assert len(scripts) == 1, "look at what else Streamlit writes into its page now"
    policy = content_security_policy(scripts)
    assert policy.count("'sha256-") == 1
    assert "http" not in policy
    assert "*" not in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert content_security_policy(["other"]) != policy
