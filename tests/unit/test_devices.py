"""Pairing screens: readable codes, which nobody hits by chance, and an end that holds."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.errors import AccountError, NameRefusedError
from attendance.services import devices
from attendance.services.code_words import WORDS
from attendance.services.devices import MAX_WAITING, MAX_WAITING_HERE, Device, Devices

if TYPE_CHECKING:
    from tests.account_place import Place

BY = "operator"


def refused(place: Place, code: str) -> str:
    with pytest.raises(AccountError) as refusal:
        place.devices.pair(code, "Door", actor=BY)
    return refusal.value.reason


def test_a_screen_shows_one_code_for_ten_minutes(place: Place) -> None:
    code = place.devices.code_for("screen-1")
    assert re.fullmatch(r"[A-Z]{4,9} [1-9][0-9]{2}", code)
    other = Devices(place.open(), place.clock)
    place.clock.forward(599)
    assert other.code_for("screen-1") == code
    assert other.code_for("screen-2") != code
    place.clock.forward(1)
    assert place.devices.code_for("screen-1") != code
    assert refused(place, code) == "code"


def test_an_operator_pairs_the_screen_that_shows_the_code(place: Place) -> None:
    code = place.devices.code_for("screen-1")
    place.devices.code_for("screen-2")
    device = Devices(place.open(), place.clock).pair(code, "  Front   door ", actor=BY)
    assert device == Device("screen-1", "Front door", place.clock.now, BY)
    assert place.devices.is_paired("screen-1")
    assert not place.devices.is_paired("screen-2")
    assert place.devices.paired() == [device]
    assert place.trail() == [(BY, "pair-screen")]
    assert refused(place, code) == "code"  # it worked once


@given(st.sampled_from([" ", "", "-", "  ", "\u00a0", "_", "."]), st.booleans(), st.sampled_from(["", " ", "\n"]))
def test_how_a_code_is_typed_does_not_matter(between: str, small: bool, around: str) -> None:
    code = f"KESTREL{between}417"
    typed = around + (code.lower() if small else code) + around
    assert devices._typed(typed) == devices._typed("KESTREL 417")


@pytest.mark.parametrize("code", ["", " ", "-", "KESTREL 41", "KESTREL 4170", "%", "screen-1"])
def test_a_code_that_no_screen_shows_pairs_nothing(place: Place, code: str) -> None:
    assert refused(place, code) == "code"
    shown = place.devices.code_for("screen-1")
    assert refused(place, code) == "code"
    assert refused(place, shown[:-1]) == "code"
    assert (place.devices.paired(), place.trail()) == ([], [])


@pytest.mark.parametrize("name", ["", "   ", "a\x1b[2J", "x" * 300])
def test_a_name_that_cannot_be_shown_is_refused_and_the_code_stays(place: Place, name: str) -> None:
    code = place.devices.code_for("screen-1")
    with pytest.raises(NameRefusedError):
        place.devices.pair(code, name, actor=BY)
    assert place.devices.pair(code, "Door", actor=BY).name == "Door"


def test_two_screens_with_one_code_are_neither_paired(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Devices, "_free_code", lambda *_: "KESTREL 417")  # both asked at the same moment
    place.devices.code_for("screen-1")
    place.devices.code_for("screen-2")
    assert refused(place, "KESTREL 417") == "code"


def test_unpairing_holds_in_every_process_at_once(place: Place) -> None:
    other = Devices(place.open(), place.clock)
    place.devices.pair(place.devices.code_for("screen-1"), "Door", actor=BY)
    assert other.is_paired("screen-1")
    place.devices.unpair("screen-1", actor=BY)
    place.devices.unpair("never was", actor=BY)
    assert not other.is_paired("screen-1")
    assert place.trail()[1] == (BY, "unpair-screen")
    assert other.code_for("screen-1")  # and it may ask again


def test_screens_come_by_name_with_when_they_were_seen(place: Place) -> None:
    for number, name in enumerate(["porch", "Annexe", "Door"]):
        place.devices.pair(place.devices.code_for(f"screen-{number}"), name, actor=BY)
    place.clock.forward(30)
    place.devices.seen("screen-0")
    place.devices.seen("stranger")
    shown = [(device.name, device.last_seen) for device in place.devices.paired()]
    assert shown == [("Annexe", None), ("Door", None), ("porch", place.clock.now)]
    assert not place.devices.is_paired("stranger")


def test_being_seen_is_written_at_most_once_a_minute(place: Place) -> None:
    place.devices.pair(place.devices.code_for("screen-1"), "Door", actor=BY)
    place.seen.calls.clear()
    for _ in range(150):
        place.devices.seen("screen-1")
        place.clock.forward(1)
    assert place.seen.calls.count("keep") == 3


def test_being_seen_never_brings_back_a_screen_that_was_unpaired(place: Place) -> None:
    place.devices.pair(place.devices.code_for("screen-1"), "Door", actor=BY)

    def unpair_in_between(*args: Any, **kwargs: Any) -> Any:
        kept = place.store.kept(*args, **kwargs)
        Devices(place.store, place.clock).unpair("screen-1", actor=BY)
        return kept

    place.seen.replace("kept", unpair_in_between)
    place.devices.seen("screen-1")
    place.seen.restore()
    assert not place.devices.is_paired("screen-1")


def test_a_tab_that_asks_at_the_same_moment_shows_the_same_code(place: Place) -> None:
    shown: list[str] = []

    def ask_in_between(*args: Any, **kwargs: Any) -> Any:
        place.seen.restore()
        shown.append(place.devices.code_for("screen-1"))
        return place.store.keep(*args, **kwargs)

    place.seen.replace("keep", ask_in_between)
    assert place.devices.code_for("screen-1") == shown[0]


def test_only_so_many_screens_wait_and_a_flood_keeps_nobody_from_a_code(place: Place) -> None:
    """Each is one more code that an operator could hit by chance."""
    neighbour = place.devices.code_for("neighbour", source="10.0.0.2")
    for number in range(MAX_WAITING_HERE + 20):
        place.clock.forward(1)
        place.devices.code_for(f"a-{number}", source="10.0.0.1")
    assert len(place.store.all_kept("pairing")) == MAX_WAITING_HERE + 1
    assert place.devices.code_for("neighbour", source="10.0.0.2") == neighbour
    fresh = place.devices.code_for("a-0", source="10.0.0.1")  # gave up its code; the screen asks again and has another
    assert place.devices.pair(fresh, "Porch", actor=BY).device_id == "a-0"
    for number in range(MAX_WAITING):
        place.clock.forward(1)
        place.devices.code_for(f"b-{number}", source=f"10.0.1.{number}")
    assert len(place.store.all_kept("pairing")) == MAX_WAITING
    waiting = [kept.value["source"] for kept in place.store.all_kept("pairing")]
    assert waiting.count("10.0.0.1") < MAX_WAITING_HERE, "the address with the most made room"
    place.clock.forward(600)
    assert place.devices.code_for("a-one-more", source="10.0.0.1")
    assert len(place.store.all_kept("pairing")) == 1  # the others were swept


def test_no_slip_of_the_keyboard_makes_one_code_of_another() -> None:
    assert len(WORDS) > 200
    assert all(re.fullmatch("[A-Z]{4,9}", word) for word in WORDS)
    assert min(edits(one, other) for one, other in itertools.combinations(WORDS, 2)) >= 3


def edits(one: str, other: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for above, letter in enumerate(one, 1):
        before, row[0] = row[0], above
        for place, wanted in enumerate(other, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (letter != wanted))
    return row[-1]
