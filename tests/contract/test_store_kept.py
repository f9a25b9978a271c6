"""What the server has to remember: small entries with a version and an end."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendance.domain.model import Kept
from attendance.errors import ConflictError, StoreError
from attendance.store.codec import MAX_KEPT
from tests.store_children import count_together

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.store.base import Store

HOUR = timedelta(hours=1)


def ago(hours: int) -> datetime:
    """So long before now, to the millisecond; a negative number is in the future."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000) - hours * HOUR


def test_an_entry_comes_back(store: Store) -> None:
    value = {"who": "ada", "since": 12.5, "roles": ["a", None, True, {"ü": -3}], "a.$b": {"$set": {}}, "": ""}
    kept = store.keep("session", "abc", value)
    assert kept == Kept("session", "abc", value, 1, None) == store.kept("session", "abc")
    assert store.all_kept("session") == [kept]


def test_what_is_not_there(store: Store) -> None:
    store.keep("session", "abc", {})
    assert store.kept("session", "ab") is None
    assert store.kept("sessio", "nabc") is None
    assert store.kept("session", "\udcff") is None
    assert store.all_kept("other") == store.all_kept("\udcff") == []
    store.forget("session", "never there")
    store.forget("session", "\udcff")
    assert store.forget_expired(ago(-1000)) == 0
    assert len(store.all_kept("session")) == 1


def test_each_change_takes_the_next_version(store: Store) -> None:
    assert [store.keep("k", "a", {"n": number}).version for number in range(3)] == [1, 2, 3]
    assert store.keep("k", "a", {"n": 3}, version=3).version == 4
    assert store.kept("k", "a") == Kept("k", "a", {"n": 3}, 4)
    assert store.keep("k", "b", {}, version=0).version == 1


@pytest.mark.parametrize("version", [0, 1, 3, -1])
def test_another_version_is_there(store: Store, version: int) -> None:
    store.keep("k", "a", {"n": 1})
    second = store.keep("k", "a", {"n": 2})
    with pytest.raises(ConflictError):
        store.keep("k", "a", {"n": 3}, version=version)
    assert store.kept("k", "a") == second


@pytest.mark.parametrize("version", [1, -1])
def test_no_entry_where_one_is_expected(store: Store, version: int) -> None:
    with pytest.raises(ConflictError):
        store.keep("k", "a", {}, version=version)
    assert store.kept("k", "a") is None


def test_forgotten(store: Store) -> None:
    first, other = store.keep("k", "a", {}), store.keep("k", "b", {})
    store.forget("k", "a")
    assert store.kept("k", "a") is None
    assert store.all_kept("k") == [other]
    with pytest.raises(ConflictError):
        store.keep("k", "a", {}, version=first.version)
    assert store.keep("k", "a", {}, version=0).version == 1


def test_an_expired_entry_counts_as_gone(store: Store) -> None:
    expired = store.keep("k", "a", {"n": 1}, expires_at=ago(1))
    assert expired == Kept("k", "a", {"n": 1}, 1, expired.expires_at)
    assert store.kept("k", "a") is None
    assert store.all_kept("k") == []
    with pytest.raises(ConflictError):
        store.keep("k", "a", {"n": 2}, version=1)
    anew = store.keep("k", "a", {"n": 3}, version=0, expires_at=ago(-1))
    assert anew.version == 1
    assert store.kept("k", "a") == anew
    store.keep("k", "b", {}, expires_at=ago(1))
    assert store.keep("k", "b", {"n": 4}) == Kept("k", "b", {"n": 4}, 1) == store.kept("k", "b")


def test_the_end_is_part_of_each_change(store: Store) -> None:
    end = ago(-2)
    assert store.keep("k", "a", {}, expires_at=end).expires_at == end
    assert store.keep("k", "a", {}, expires_at=end + HOUR).expires_at == end + HOUR
    assert store.keep("k", "a", {}).expires_at is None
    assert store.forget_expired(end + 9 * HOUR) == 0
    zone = timezone(timedelta(hours=-5))
    moment = end.astimezone(zone).replace(microsecond=1999)
    stored = store.keep("k", "b", {}, expires_at=moment)
    assert stored == store.kept("k", "b")
    assert stored.expires_at == moment.replace(microsecond=1000)
    assert stored.expires_at.utcoffset() == timedelta(0)


def test_what_expired_is_removed(store: Store) -> None:
    end = ago(-10)
    for number in range(5):
        store.keep(f"k{number % 2}", str(number), {}, expires_at=end + number * HOUR)
    stays = store.keep("k0", "stays", {})
    assert store.forget_expired(ago(0)) == 0
    assert store.forget_expired(end + 2 * HOUR) == 3  # from its end on it counts as gone
    assert store.forget_expired(end + 2 * HOUR) == 0
    assert [one.key for one in store.all_kept("k0")] == ["4", stays.key]
    assert [one.key for one in store.all_kept("k1")] == ["3"]


def test_listed_by_key_and_kinds_kept_apart(store: Store) -> None:
    keys = ["b", "a", "B", "é", "\U0001f600", "\uffff", "a/b", "10", "9"]
    for key in keys:
        store.keep("k", key, {"key": key})
    store.keep("k/a", "b", {"other": True})
    assert [one.key for one in store.all_kept("k")] == sorted(keys)
    assert [one.value for one in store.all_kept("k/a")] == [{"other": True}]
    kept = store.kept("k", "a/b")
    assert kept is not None
    assert kept.value == {"key": "a/b"}


def filled(size: int, letter: str = "a") -> dict[str, str]:
    """A value that takes so many bytes as compact JSON."""
    room = size - len('{"a":""}')
    letters = letter * (room // len(letter.encode()))
    return {"a": letters + "b" * (room - len(letters.encode()))}


@pytest.mark.parametrize("letter", ["a", "é", "\U0001f600"])
def test_as_much_as_fits(store: Store, letter: str) -> None:
    value = filled(MAX_KEPT, letter)
    assert MAX_KEPT == len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) == 65_536
    kept = store.keep("k", "a", value)
    assert store.kept("k", "a") == kept
    with pytest.raises(StoreError, match=r"65,537 bytes.*65,536"):
        store.keep("k", "a", filled(MAX_KEPT + 1, letter))
    assert store.kept("k", "a") == kept


@pytest.mark.parametrize("value", [{"a": b"bytes"}, {"a": object()}, {"a": datetime.now(UTC)}, {"a": {1, 2}}])
def test_plain_values_only(store: Store, value: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        store.keep("k", "a", value)
    assert store.kept("k", "a") is None


def test_half_characters(store: Store) -> None:
    assert store.keep("k", "a", {"name\udcff": "\ud800"}).value == {"name?": "?"}
    for kind, key in (("k", "\udcff"), ("\udcff", "k")):
        with pytest.raises(StoreError, match="characters"):
            store.keep(kind, key, {})


def test_entries_outlive_the_process(open_store: Callable[[], Store]) -> None:
    store = open_store()
    kept = store.keep("k", "a", {"n": [1, 2]}, expires_at=ago(-1))
    store.close()
    again = open_store()
    assert again.kept("k", "a") == kept
    assert again.keep("k", "a", {}, version=1).version == 2


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_any_plain_value_comes_back(store: Store) -> None:
    @settings(max_examples=60, deadline=None)
    @given(st.text(max_size=20), st.dictionaries(st.text(max_size=8), plain, max_size=4))
    def check(key: str, value: dict[str, Any]) -> None:
        kept = store.keep("k", key, value)
        assert kept.value == value
        assert store.kept("k", key) == kept

    check()


def test_of_many_that_find_nothing_one_is_first(open_store: Callable[[], Store]) -> None:
    stores = [open_store(), open_store()]

    def first(key: str, number: int) -> int | None:
        try:
            return stores[number % 2].keep("k", key, {"n": number}, version=0).version
        except ConflictError:
            return None

    for round_ in range(5):
        key = str(round_)
        if round_ % 2:
            stores[0].keep("k", key, {}, expires_at=ago(1))  # an expired one is as none
        with ThreadPoolExecutor(8) as pool:
            versions = list(pool.map(first, [key] * 8, range(8)))
        assert versions.count(1) == 1
        assert versions.count(None) == 7
        kept = stores[1].kept("k", key)
        assert kept is not None
        assert (kept.version, kept.value) == (1, {"n": versions.index(1)})


def test_of_many_that_do_not_ask_each_takes_a_version(open_store: Callable[[], Store]) -> None:
    stores = [open_store(), open_store()]

    def put(number: int) -> Kept:
        return stores[number % 2].keep("k", "a", {"n": number})

    with ThreadPoolExecutor(8) as pool:
        done = sorted(pool.map(put, range(24)), key=lambda one: one.version)
    assert [one.version for one in done] == list(range(1, 25))
    assert stores[0].kept("k", "a") == done[-1]


def test_nothing_is_lost_between_processes(store: Store, store_url: str) -> None:
    """Two processes of four threads read, add one and put back; whoever was overtaken does it again."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        versions = pool.starmap(count_together, [(store_url, 4, 6)] * 2)
    assert sorted(versions[0] + versions[1]) == list(range(1, 49))
    assert store.kept("counter", "one") == Kept("counter", "one", {"count": 48}, 48)
