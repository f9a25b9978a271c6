"""Signed cookies: nobody but this server makes one, and each is good for its own name only."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attendance.api.cookies import DEVICE, SESSION, Cookies, cookies_of
from attendance.errors import CorruptRecordError
from attendance.store.connect import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from attendance.store.base import Store

SIGNED = Cookies("0" * 64)


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[[], Store]]:
    opened: list[Store] = []

    def open_() -> Store:
        opened.append(connect(f"sqlite:///{tmp_path}/attendance.db", timeout_s=2.5))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


def value_of(header: str) -> str:
    return header.partition(";")[0].partition("=")[2]


def test_a_cookie_is_read_back_under_its_own_name_alone() -> None:
    value = value_of(SIGNED.header(SESSION, "an-id_1", max_age_s=60, secure=True))
    assert SIGNED.read({SESSION: value}, SESSION) == "an-id_1"
    assert SIGNED.read({DEVICE: value}, DEVICE) is None
    assert SIGNED.read({}, SESSION) is None
    assert Cookies("1" * 64).read({SESSION: value}, SESSION) is None


def test_what_the_browser_is_told() -> None:
    header = SIGNED.header(SESSION, "id", max_age_s=43_200.7, secure=False)
    assert header.partition("; ")[2] == "Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"
    assert SIGNED.header(SESSION, "id", max_age_s=1, secure=True).endswith("; Secure")
    gone = "attend_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
    assert SIGNED.drop_header(SESSION, secure=True) == gone


@given(st.text(max_size=200))
@example("id.")
@example(".")
@example("id." + "A" * 43)
def test_what_nobody_signed_is_nothing(made_up: str) -> None:
    assert SIGNED.read({SESSION: made_up}, SESSION) is None


@given(st.data())
def test_one_changed_letter_is_enough(data: st.DataObject) -> None:
    value = value_of(SIGNED.header(SESSION, "0123456789abcdef", max_age_s=1, secure=False))
    at = data.draw(st.integers(0, len(value) - 2))  # the last letter of a signature holds four bits that mean nothing
    letter = data.draw(st.sampled_from("ABCDEFabcdef0123456789-_.").filter(lambda one: one != value[at]))
    assert SIGNED.read({SESSION: value[:at] + letter + value[at + 1 :]}, SESSION) is None


def test_processes_and_restarts_agree_on_the_secret(open_store: Callable[[], Store]) -> None:
    stores, made = [open_store() for _ in range(4)], list[Cookies]()
    start = threading.Barrier(len(stores))

    def make(store: Store) -> None:
        start.wait()
        made.append(cookies_of(store))

    threads = [threading.Thread(target=make, args=[store]) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    value = value_of(made[0].header(DEVICE, "screen-1", max_age_s=1, secure=False))
    assert [cookies.read({DEVICE: value}, DEVICE) for cookies in made] == ["screen-1"] * 4
    assert cookies_of(open_store()).read({DEVICE: value}, DEVICE) == "screen-1"
    assert cookies_of(stores[0]) is cookies_of(stores[0])


@pytest.mark.parametrize("value", [{}, {"secret": ""}, {"secret": None}])
def test_a_damaged_secret_signs_nothing(open_store: Callable[[], Store], value: dict[str, str]) -> None:
    store = open_store()
    store.keep("server", "cookies", value)
    with pytest.raises(CorruptRecordError):
        cookies_of(store)
