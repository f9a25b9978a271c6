"""Saved settings: over the file, in every process, never over somebody else's, and with a history that is true."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.domain.audit import first_broken
from attendance.errors import ConflictError, SettingsError, StoreUnavailableError
from attendance.params import checked, flat, over, range_of
from attendance.services.choices import MAX_WHY, NAMES, Choices, Chosen
from attendance.settings import Params
from attendance.store.connect import connect
from tests.fakes import Clock, Wrapped, away

if TYPE_CHECKING:
    from pathlib import Path

    from attendance.store.base import Store

FILE = flat(Params())


@pytest.fixture
def choices(store: Store) -> Choices:
    return Choices(store, Clock(), file=FILE, check=checked)


def test_nothing_is_saved_at_first(choices: Choices) -> None:
    assert choices.current() == Chosen()
    assert choices.history() == []


def test_what_is_saved_holds_in_another_process_and_says_who_and_why(tmp_path: Path, choices: Choices) -> None:
    saved = choices.save({"thresholds.dlib": 0.5}, expected_version=0, actor="Olof", why="  fewer   strangers ")
    other = connect(f"sqlite:///{tmp_path}/attendance.db", timeout_s=2.5)
    elsewhere = Choices(other, file=FILE, check=checked)
    assert elsewhere.current() == saved
    assert (saved.version, saved.values) == (1, {"thresholds.dlib": 0.5})
    (change,) = elsewhere.history()
    assert (change.actor, change.name, change.before, change.after) == ("Olof", "thresholds.dlib", 0.53, 0.5)
    assert (change.why, change.version, change.at_utc) == ("fewer strangers", 1, Clock().now)
    other.close()


def test_going_back_to_the_file_is_a_change_too(choices: Choices) -> None:
    choices.save({"thresholds.dlib": 0.5, "policy.cooldown_s": 120}, expected_version=0, actor="a")
    back = choices.save({"policy.cooldown_s": 120}, expected_version=1, actor="b", why="was a test")
    assert (back.values, back.version) == ({"policy.cooldown_s": 120.0}, 2)
    assert [(one.name, one.before, one.after) for one in choices.history()] == [
        ("thresholds.dlib", 0.5, 0.53),
        ("thresholds.dlib", 0.53, 0.5),
        ("policy.cooldown_s", 60.0, 120.0),
    ]


def test_saving_what_is_saved_already_leaves_no_trace(store: Store, choices: Choices) -> None:
    first = choices.save({"policy.kiosk_mode": "name"}, expected_version=0, actor="a")
    assert choices.save({"policy.kiosk_mode": "name"}, expected_version=1, actor="b") == first
    assert len(list(store.audit())) == 1


def test_another_operators_save_is_not_overwritten(store: Store, choices: Choices) -> None:
    choices.save({"thresholds.dlib": 0.5}, expected_version=0, actor="first")
    with pytest.raises(ConflictError):
        choices.save({"thresholds.dlib": 0.6}, expected_version=0, actor="second")
    assert choices.current().values == {"thresholds.dlib": 0.5}
    assert [entry.actor for entry in store.audit()] == ["first"]


def test_of_many_at_the_same_moment_one_wins_and_the_history_names_that_one(store: Store, choices: Choices) -> None:
    together = threading.Barrier(6)

    def save(number: int) -> int | None:
        together.wait()
        try:
            choices.save({"policy.cooldown_s": float(number)}, expected_version=0, actor=str(number))
        except ConflictError:
            return None
        return number

    with ThreadPoolExecutor(6) as pool:
        (winner,) = [number for number in pool.map(save, range(100, 106)) if number is not None]
    assert choices.current().values == {"policy.cooldown_s": float(winner)}
    assert [(one.actor, one.after) for one in choices.history()] == [(str(winner), float(winner))]
    assert first_broken(store.audit()) is None


def test_a_save_that_failed_is_in_the_audit_and_not_in_the_history(store: Store) -> None:
    wrapped = Wrapped(store)
    choices = Choices(cast("Store", wrapped), Clock(), file=FILE, check=checked)
    choices.save({"policy.cooldown_s": 30}, expected_version=0, actor="a")
    wrapped.replace("keep", away)
    with pytest.raises(StoreUnavailableError):
        choices.save({"policy.cooldown_s": 90}, expected_version=1, actor="b")
    wrapped.restore()
    choices.save({"policy.cooldown_s": 120}, expected_version=1, actor="c")
    assert [entry.action for entry in store.audit()] == [
        "save-settings",
        "save-settings",
        "save-settings.failed",
        "save-settings",
    ]
    assert [(one.actor, one.before, one.after) for one in choices.history()] == [("c", 30.0, 120.0), ("a", 60.0, 30.0)]


def test_a_save_that_was_killed_after_its_audit_entry_is_not_in_the_history(store: Store, choices: Choices) -> None:
    choices.save({"policy.cooldown_s": 30}, expected_version=0, actor="a")
    only = next(iter(store.audit()))
    killed = {**only.details, "version": 2, "change": "f" * 32, "upon": only.details["change"]}
    store.append_audit("killed", only.action, killed, only.at_utc)
    assert [one.actor for one in choices.history()] == ["a"]
    choices.save({"policy.cooldown_s": 40}, expected_version=1, actor="b")
    assert [one.actor for one in choices.history()] == ["b", "a"]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("thresholds.dlib", 0, "Must be more than 0.00 and at most 2.00."),
        ("thresholds.dlib", float("nan"), "Must be more than 0.00 and at most 2.00."),
        ("recognition.min_confidence", 1.1, "Must be between 0.00 and 1.00."),
        ("recognition.margin_ratio", 0.9, "Must be at least 0.00 and less than 0.90."),
        ("policy.cooldown_s", -1, "Must be between 0 and 86,400."),
        ("policy.agreeing_frames", 2, "Must be between 3 and 5."),
    ],
)
def test_a_value_outside_its_range_is_refused_with_the_range(
    store: Store, choices: Choices, name: str, value: float, sentence: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        choices.save({name: value}, expected_version=0, actor="a")
    assert (str(caught.value), caught.value.name) == (sentence, name)
    assert choices.current() == Chosen()
    assert list(store.audit()) == []


@pytest.mark.parametrize("name", ["policy.look_alike_ratio", "thresholds.other", "nonsense"])
def test_what_is_not_for_the_office_cannot_be_saved(choices: Choices, name: str) -> None:
    with pytest.raises(SettingsError):
        choices.save({name: 1.0}, expected_version=0, actor="a")


def test_a_long_reason_is_cut(choices: Choices) -> None:
    choices.save({"policy.cooldown_s": 30}, expected_version=0, actor="a", why="x" * 1000)
    assert choices.history()[0].why == "x" * MAX_WHY


def test_a_switch_cut_off_between_saving_and_activating_is_finished(store: Store, choices: Choices) -> None:
    store.activate_model("old/box")
    choices.save({"recognition.use_tta_flip": False}, expected_version=0, actor="a", switches_to="new/box")
    assert store.active_model() == "old/box"
    assert choices.finish_switch() == "new/box"
    assert store.active_model() == "new/box"
    store.activate_model("third/box")
    assert choices.finish_switch() is None, "once only: the model may be changed again later"
    assert store.active_model() == "third/box"


def test_a_switch_whose_settings_were_never_saved_is_not_made(store: Store, choices: Choices) -> None:
    wrapped = Wrapped(store)
    keep = store.keep

    def keep_all_but_the_settings(kind: str, key: str, *args: Any, **kwargs: Any) -> object:
        if key == "saved":
            away()
        return keep(kind, key, *args, **kwargs)

    wrapped.replace("keep", keep_all_but_the_settings)
    cut_off = Choices(cast("Store", wrapped), file=FILE, check=checked)
    store.activate_model("old/box")
    with pytest.raises(StoreUnavailableError):
        cut_off.save({"recognition.use_tta_flip": False}, expected_version=0, actor="a", switches_to="new/box")
    assert choices.finish_switch() is None
    assert store.active_model() == "old/box"


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "thresholds.dlib": st.floats(0.01, 2),
            "recognition.min_confidence": st.floats(0, 1),
            "recognition.use_alignment": st.booleans(),
            "policy.kiosk_mode": st.sampled_from(["face", "name"]),
            "policy.agreeing_frames": st.integers(3, 5),
        },
    )
)
def test_saved_values_win_and_the_others_stay(values: dict[str, Any]) -> None:
    assert flat(over(Params(), values)) == {**FILE, **values}
    assert checked(values) == values


def test_every_name_is_one_of_the_files_and_every_number_has_a_range() -> None:
    assert set(flat(Params())) == set(NAMES)
    numbers = [name for name, value in FILE.items() if isinstance(value, int | float) and not isinstance(value, bool)]
    assert all(range_of(name) for name in numbers)
    assert range_of("policy.kiosk_mode") is None
