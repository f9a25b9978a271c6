"""Records to plain dictionaries and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attendance.domain.model import (
    AuditEntry,
    CheckIn,
    Decision,
    Kept,
    Outcome,
    PersonStatus,
    Reason,
    RecordFilter,
    Review,
)
from attendance.errors import CorruptRecordError, StoreError
from attendance.store import codec, rules
from tests.store_makers import NOON, attempt, person

if TYPE_CHECKING:
    from numpy.typing import NDArray

moments = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    max_value=datetime(2300, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30)), timezone(timedelta(hours=14))]),
)


@given(moments)
def test_times_are_cut_to_the_millisecond(moment: datetime) -> None:
    cut = codec.to_ms(moment)
    assert cut.utcoffset() == timedelta(0)
    assert timedelta(0) <= moment - cut < timedelta(milliseconds=1)
    assert codec.from_ms(codec.ms_since_epoch(moment), "x") == cut == codec.to_ms(cut)


def test_a_time_without_a_zone_is_utc() -> None:
    assert codec.to_ms(NOON.replace(tzinfo=None)) == NOON


@pytest.mark.parametrize("damaged", [10**18, -(10**18), "noon", None, float("nan")])
def test_a_damaged_time(damaged: Any) -> None:
    with pytest.raises(CorruptRecordError) as caught:
        codec.from_ms(damaged, "attempts/1")
    assert caught.value.record == "attempts/1"


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(arrays(np.float32, st.integers(1, 600), elements=finite))
def test_embeddings_come_back_bit_for_bit(embedding: NDArray[np.float32]) -> None:
    data = codec.embedding_to_bytes(embedding)
    assert len(data) == 4 * len(embedding)
    back = codec.embedding_from_bytes(data, "x")
    assert back.dtype == np.float32
    assert back.tobytes() == embedding.tobytes()


def test_embeddings_are_little_endian() -> None:
    assert codec.embedding_to_bytes(np.array([1.0], np.float32)) == b"\x00\x00\x80\x3f"
    assert codec.embedding_to_bytes(np.array([1.0], ">f4")) == b"\x00\x00\x80\x3f"


@pytest.mark.parametrize("damaged", [b"", b"abc", b"\x00\x00\x80\x7f", b"\xff\xff\xff\xff", None, "text", 5])
def test_a_damaged_embedding(damaged: Any) -> None:
    with pytest.raises(CorruptRecordError) as caught:
        codec.embedding_from_bytes(damaged, "templates/7")
    assert caught.value.record == "templates/7"


def test_records_come_back() -> None:
    accepted = attempt(person())
    assert codec.attempt_from_dict(codec.attempt_to_dict(accepted)) == accepted
    someone = person(external_id="1", group="g", status=PersonStatus.INACTIVE, consent="c")
    assert codec.person_from_dict(codec.person_to_dict(someone)) == someone
    check_in = rules.check_in_of(accepted)
    assert codec.check_in_from_dict(codec.check_in_to_dict(check_in)) == check_in
    entry = AuditEntry(1, NOON, "a", "b", {"n": 1}, "0", "1")
    assert codec.audit_from_dict(codec.audit_to_dict(entry)) == entry
    done = rules.settled(accepted, Outcome.RECORDED, check_in)
    assert done == replace(accepted, outcome=Outcome.RECORDED, check_in_at_utc=NOON)


def test_reviews_come_back_and_an_older_attempt_has_none() -> None:
    reviewed = replace(attempt(person()), review=Review.VOID, reviewed_by="office", reviewed_at_utc=NOON)
    data = codec.attempt_to_dict(reviewed)
    assert data["review"] == "void"
    assert codec.attempt_from_dict(data) == reviewed
    older = {name: value for name, value in data.items() if not name.startswith("review")}
    plain = replace(reviewed, review=Review.NONE, reviewed_by=None, reviewed_at_utc=None)
    assert codec.attempt_from_dict(older) == codec.attempt_from_dict({**older, "review": None}) == plain


def test_kept_entries_come_back() -> None:
    kept = Kept("session", "abc", {"n": [1, None, "é"], "a.$b": {"": 2**70}}, 3, NOON)
    data = codec.kept_to_dict(kept)
    assert data["value"] == '{"n":[1,null,"é"],"a.$b":{"":1180591620717411303424}}'
    assert codec.kept_from_dict({**data, "_id": "x"}) == kept


def test_a_kept_entry_that_is_too_large_says_so() -> None:
    with pytest.raises(StoreError, match=r"\(session\) takes 70,008 bytes; an entry may take 65,536"):
        codec.kept_to_dict(Kept("session", "secret", {"a": "x" * 70_000}, 1))


@pytest.mark.parametrize("damage", [{"value": "{"}, {"value": "[]"}, {"value": None}, {"version": "1"}, {"expires_at": 5}])
def test_damaged_kept_entries(damage: dict[str, Any]) -> None:
    data = codec.kept_to_dict(Kept("session", "secret", {}, 1))
    with pytest.raises(CorruptRecordError) as caught:
        codec.kept_from_dict({**data, **damage})
    assert caught.value.record == "kept/session"
    assert "secret" not in str(caught.value)


def test_what_a_filter_asks_of_an_attempt() -> None:
    assert rules.attempt_values(RecordFilter(since=NOON, person_ids=frozenset("a"))) == {}
    which = RecordFilter(decision=Decision.REJECTED, review=Review.NONE, model_id="m")
    assert rules.attempt_values(which) == {"decision": "rejected", "review": "none", "model_id": "m"}


@pytest.mark.parametrize(
    ("which", "fits"),
    [
        (RecordFilter(), True),
        (RecordFilter(since=NOON, person_ids=frozenset()), True),
        (RecordFilter(decision=Decision.ACCEPTED, reason=Reason.MATCH, outcome=Outcome.RECORDED), True),
        (RecordFilter(review=Review.NONE), True),
        (RecordFilter(review=Review.DISPUTED), False),
        (RecordFilter(decision=Decision.REJECTED), False),
        (RecordFilter(outcome=Outcome.ALREADY), False),
        (RecordFilter(model_id="m"), False),
    ],
)
def test_check_ins_of_older_databases(which: RecordFilter, fits: bool) -> None:
    assert rules.fits_without_attempt(which) is fits


def test_records_of_an_older_database_and_of_a_newer_one() -> None:
    old = {"timestamp": datetime(2024, 1, 2, 3, 4, 5, 678901), "entered_name": "ada", "matched_identity": "Ada"}  # noqa: DTZ001 - as an older app left it
    record = codec.check_in_from_dict({**old, "distance": 0.5, "_id": 1})
    assert record == CheckIn(datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC), "ada", "Ada", 0.5)
    newer = {**codec.attempt_to_dict(attempt(None)), "a_field_to_come": 1}
    assert codec.attempt_from_dict(newer).attempt_id == newer["attempt_id"]


@pytest.mark.parametrize(
    "damage",
    [
        {"decision": "perhaps"},
        {"at_utc": 5},
        {"at_utc": None},
        {"threshold": "x"},
        {"threshold": None},
        {"faces": 5},
        {"review": "maybe"},
    ],
)
def test_damaged_attempts(damage: dict[str, Any]) -> None:
    data = {**codec.attempt_to_dict(attempt(None, attempt_id="one")), **damage}
    with pytest.raises(CorruptRecordError) as caught:
        codec.attempt_from_dict(data)
    assert caught.value.record == "attempts/one"


def test_damaged_others() -> None:
    for read in (
        codec.attempt_from_dict,
        codec.person_from_dict,
        codec.check_in_from_dict,
        codec.audit_from_dict,
        codec.kept_from_dict,
    ):
        with pytest.raises(CorruptRecordError):
            read({})
    with pytest.raises(CorruptRecordError):
        codec.person_from_dict({"person_id": "1", "name": "Ada", "status": "dead"})


def test_plain_takes_what_the_house_has_and_nothing_else() -> None:
    given_ = {"a": np.float32(0.5), "b": (np.int64(1), np.bool_(True)), "c": Outcome.NONE, "d": float("inf")}
    assert codec.plain(given_) == {"a": 0.5, "b": [1, True], "c": "none", "d": None}
    assert codec.plain(np.ones((2, 2), np.float32)) == [[1.0, 1.0], [1.0, 1.0]]
    with pytest.raises(TypeError):
        codec.plain(object())


@given(moments, st.floats(0, 86_400))
def test_the_cooldown_window(moment: datetime, cooldown_s: float) -> None:
    after, until = rules.cooldown_window(moment, cooldown_s)
    at = codec.to_ms(moment)
    assert after <= at <= until
    assert (after < at <= until) == (until > at)  # no cooldown, no window
