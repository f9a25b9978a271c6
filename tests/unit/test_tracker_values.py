"""Whatever is logged becomes something that MLflow's own checks accept, and nothing is lost or mixed up on the way."""

from __future__ import annotations

import math
import threading
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils import validation
from mlflow.utils.validation import MAX_ENTITY_KEY_LENGTH, MAX_PARAM_VAL_LENGTH, MAX_TAG_VAL_LENGTH
from structlog.testing import capture_logs

from attendance.tracking import batches, recording, values
from attendance.tracking.entries import End, Metric, Param, Run, Start, Tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.tracking.entries import Entry

NAMES = st.text() | st.text(alphabet="ab/. :-_@\n\\", max_size=300)


def accepted(key: str) -> bool:
    """Whether MLflow's own check lets it pass; it raises otherwise."""
    validation._validate_metric_name(key)  # type: ignore[no-untyped-call]  # mlflow's types are patchy
    return len(key) <= MAX_ENTITY_KEY_LENGTH


def run() -> Run:
    return Run("experiment", "run", {}, None)


@given(NAMES)
def test_every_name_becomes_one_that_mlflow_accepts(name: str) -> None:
    key = values.key(name)
    assert accepted(key)
    assert values.key(key) == key


@given(st.lists(NAMES, unique=True, max_size=30))
def test_two_names_of_a_run_never_become_one(names: list[str]) -> None:
    one = run()
    with capture_logs():
        keys = [recording.name_in(one, name) for name in names]
        assert len(set(keys)) == len(names)
        assert [recording.name_in(one, name) for name in names] == keys
    assert all(accepted(key) for key in keys)


@pytest.mark.parametrize("name", ["accept_rate", "a/b.c-d e:f", "grün", "partition_year", "Ordner/Größe"])
def test_a_name_that_mlflow_takes_stays_as_it_is_and_nothing_is_said(name: str) -> None:
    with capture_logs() as said:
        assert recording.name_in(run(), name) == name
    assert said == []


def test_a_changed_name_is_said_once() -> None:
    one = run()
    with capture_logs() as said:
        for _ in range(3):
            recording.metric(one, "rate@1%", 1, None)
    assert [(entry["event"], entry["name"], entry["logged_as"]) for entry in said] == [
        ("tracking_name_changed", "rate@1%", "rate_1_")
    ]


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        (1, 1.0),
        (True, 1.0),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7.0),
        (np.array([2.5]), 2.5),
        (Decimal("0.25"), 0.25),
        ("0.5", 0.5),
        (math.inf, math.inf),
        (None, None),
        ("much", None),
        (1j, None),
        (10**400, None),
        ([1, 2], None),
    ],
)
def test_a_metric_is_what_float_takes(given_value: object, expected: float | None) -> None:
    assert values.number(given_value) == expected


def test_nan_is_a_value_and_no_number_is_said_once() -> None:
    one = run()
    with capture_logs() as said:
        logged = recording.metric(one, "m", np.nan, None)
        refused = [recording.metric(one, "m", None, None) for _ in range(3)]
    assert logged is not None
    assert math.isnan(logged.value)
    assert refused == [None] * 3
    assert [entry["event"] for entry in said] == ["tracking_no_number"]


@pytest.mark.parametrize(
    ("given_step", "expected"), [(None, 0), (3, 3), (np.int32(4), 4), (2.0, 2), (2**80, 2**63 - 1), ("x", 0)]
)
def test_a_step_is_a_64_bit_integer(given_step: object, expected: int) -> None:
    with capture_logs():
        logged = recording.metric(run(), "m", 1, given_step)
    assert logged is not None
    assert logged.step == expected


def test_equal_steps_keep_the_order_of_their_calls() -> None:
    one = run()
    times = [logged.at_ms for value in range(500) if (logged := recording.metric(one, "m", value, None))]
    assert times == sorted(set(times))
    assert len(times) == 500


def test_a_long_value_is_cut_and_said() -> None:
    one = run()
    with capture_logs() as said:
        param = recording.param(one, "p", "x" * (MAX_PARAM_VAL_LENGTH + 1))
        tag = recording.tag(one, "t", "x" * (MAX_TAG_VAL_LENGTH + 1))
    assert param is not None
    assert len(param.value) == MAX_PARAM_VAL_LENGTH
    assert len(tag.value) == MAX_TAG_VAL_LENGTH
    assert [entry["event"] for entry in said] == ["tracking_value_cut"] * 2


def test_a_parameter_keeps_its_first_value_and_a_repetition_is_no_news() -> None:
    one = run()
    with capture_logs() as said:
        first = recording.param(one, "p", 1)
        assert recording.param(one, "p", "1") is None
        assert said == []
        assert recording.param(one, "p", 2) is None
    assert first is not None
    assert first.value == "1"
    assert [(entry["event"], entry["kept"], entry["refused"]) for entry in said] == [("tracking_param_changed", "1", "2")]


def test_text_that_databases_refuse_is_made_text() -> None:
    assert values.text("a\ud800b\x00c") == "a?b\ufffdc"


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("pmtse")), max_size=300))
def test_gathering_keeps_every_call_once_and_each_runs_order(script: list[tuple[int, str]]) -> None:
    runs = [run(), run(), run()]
    made: dict[str, Callable[[Run, int], Entry]] = {
        "p": lambda one, at: Param(one, f"p{at}", "v"),
        "m": lambda one, at: Metric(one, "m", at, at, 0),
        "t": lambda one, at: Tag(one, f"t{at}", "v"),
        "s": lambda one, _at: Start(one),
        "e": lambda one, at: End(one, "FINISHED", at),
    }
    entries = [made[kind](runs[number], at) for at, (number, kind) in enumerate(script)]
    requests = batches.gather(entries)
    for one in runs:
        sent = [request for request in requests if request.run is one]
        flat = [
            part for request in sent for part in (request.entries() if isinstance(request, batches.Batch) else [request])
        ]
        wanted = [entry for entry in entries if entry.run is one]
        assert sorted(map(id, flat)) == sorted(map(id, wanted))
        for kind in (Param, Metric, Tag):
            assert [part for part in flat if isinstance(part, kind)] == [part for part in wanted if isinstance(part, kind)]
        fixed = [part for part in flat if isinstance(part, Start | End)]
        assert fixed == [part for part in wanted if isinstance(part, Start | End)]


@given(st.lists(st.integers(0, 6000), max_size=400))
def test_no_batch_is_larger_than_mlflow_takes(lengths: list[int]) -> None:
    one = run()
    entries = [Param(one, f"p{at}", "é" * length) for at, length in enumerate(lengths)]
    made = [batch for batch in batches.gather(entries) if isinstance(batch, batches.Batch)]
    assert sum(len(batch) for batch in made) == len(lengths)
    assert all(len(batch.params) <= 100 for batch in made)
    assert all(sum(len(param.value.encode()) for param in batch.params) < 1_000_000 for batch in made)


def test_of_a_tag_set_twice_the_later_value_is_sent() -> None:
    one = run()
    (batch,) = batches.gather([Tag(one, "t", "old"), Tag(one, "u", "1"), Tag(one, "t", "new")])
    assert isinstance(batch, batches.Batch)
    assert [(tag.key, tag.value) for tag in batch.tags] == [("u", "1"), ("t", "new")]


@pytest.mark.parametrize(
    ("asked", "waits"),
    [(2, 2.0), (0.5, 0.5), (0, 0.0), (-1, 0.0), (math.nan, 0.0), (math.inf, threading.TIMEOUT_MAX), ("soon", 0.0)],
)
def test_a_time_to_wait_is_one_that_a_lock_takes(asked: object, waits: float) -> None:
    assert values.seconds(asked) == waits
