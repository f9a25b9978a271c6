"""`operator`: a link that really sets the password, and an end to all sessions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from attendance.services.accounts import Accounts
from attendance.store.connect import connect
from tests.account_place import GOOD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli_shell import Shell


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    """As the server has them, on the database of the commands."""
    store = connect(f"sqlite:///{tmp_path}/attendance.db", timeout_s=2.5)
    yield Accounts(store, idle=timedelta(minutes=30), longest=timedelta(hours=12))
    store.close()


def token_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["token"][0]


def test_the_link_sets_the_password_once(shell: Shell, accounts: Accounts) -> None:
    answer = shell("operator", "link")
    assert answer.code == 0
    url = answer.out.strip()
    assert url.startswith("http://localhost:8501/in/setup?token=")
    assert "once, within 24 hours" in answer.err
    accounts.set_password(token_of(url), GOOD)
    assert accounts.check(GOOD)
    assert not accounts.link_fits(token_of(url))


def test_the_link_begins_with_the_address_that_people_open(
    shell: Shell, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTEND_PUBLIC_URL", "https://attend.example.org/")
    document = shell("operator", "link", "--json").document
    assert document["hours"] == 24
    assert document["url"].startswith("https://attend.example.org/in/setup?token=")
    assert accounts.link_fits(token_of(document["url"]))


def test_the_link_follows_the_server_that_was_started_last_or_the_port_that_is_asked_for(
    shell: Shell, accounts: Accounts
) -> None:
    accounts.note_address("http://localhost:8600")
    accounts.note_address("http://localhost:8612")
    assert shell("operator", "link").out.startswith("http://localhost:8612/in/setup?token=")
    assert shell("operator", "link", "--port", "9000").out.startswith("http://localhost:9000/in/setup?token=")
    assert shell("operator", "link", "--port", "70000").code == 2


def test_everybody_is_signed_out(shell: Shell, accounts: Accounts) -> None:
    sessions = [accounts.start("operator") for _ in range(2)]
    assert shell("operator", "sign-out-all").out == "Signed out everybody: 2 sessions ended.\n"
    assert [accounts.session(sid) for sid in sessions] == [None, None]
    assert shell("operator", "sign-out-all", "--json").document == {"ended": 0}
    assert [entry["action"] for entry in shell("audit", "--json").document["entries"]][-2:] == ["sign-out-all"] * 2


def test_another_word_is_no_command(shell: Shell) -> None:
    assert shell("operator", "password").code == 2
    assert shell("operator").code == 2
