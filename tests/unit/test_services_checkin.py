"""One picture, one stored attempt, at most one check-in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from attendance.domain.model import Decision, Mode, Outcome, Reason, distance_l2
from attendance.errors import (
    TemplateMismatchError,
)
from attendance.services.enrol import NamedPicture
from tests.fakes import OTHER, FakeEngine, House, embedding, picture

if TYPE_CHECKING:
    from pathlib import Path

STRANGER = picture(99)


def test_a_check_in_is_stored_with_everything_that_explains_it(house: House) -> None:
    maria, _ = house.add("Maria", 1), house.add("Tom", 2)
    result = house.checkin.attempt(picture(1, 7), source="kiosk", device="door")
    attempt = result.attempt
    assert house.attempts() == [attempt]
    assert (attempt.mode, attempt.decision, attempt.reason) == (Mode.IDENTIFICATION, Decision.ACCEPTED, Reason.MATCH)
    assert (attempt.outcome, attempt.person_id, attempt.person_name) == (Outcome.RECORDED, maria.person_id, "Maria")
    assert (attempt.entered_name, attempt.source, attempt.device, attempt.site) == ("Maria", "kiosk", "door", "main")
    assert attempt.day == "2026-03-02"
    assert attempt.distance_l2 is not None
    assert attempt.runner_up_l2 is not None
    assert attempt.distance_l2 <= attempt.threshold == 0.54 < attempt.runner_up_l2
    assert attempt.parameters == house.engine.options.as_dict() | {
        "threshold": 0.54,
        "ambiguity_ratio": 0.05,
        "cooldown_s": 60.0,
    }
    assert attempt.quality is not None
    assert attempt.quality["size_px"] == 200.0
    assert result.faces == ({"box": [100.0, 80.0, 300.0, 320.0], "confidence": 0.99},)
    assert {"lookup", "decode", "detect", "quality", "embed", "match", "total"} == set(attempt.timings_ms)
    assert set(result.timings_ms) == set(attempt.timings_ms) | {"settle"}
    assert result.check_in is not None
    assert (result.check_in.attempt_id, result.check_in.matched_identity) == (attempt.attempt_id, "Maria")
    assert result.words.headline == "Maria"
    assert result.words.help.startswith("Checked in at 09:00:00.")
    assert house.real_store.attempt_picture(attempt.attempt_id) is None


def test_a_second_one_within_the_cooldown_repeats_the_first(house: House) -> None:
    house.add("Maria", 1)
    first = house.checkin.attempt(picture(1, 7))
    house.clock.forward(59)
    again = house.checkin.attempt(picture(1, 8))
    assert again.attempt.outcome is Outcome.ALREADY
    assert again.check_in == first.check_in
    assert again.words.help.startswith("Already checked in at 09:00:00.")
    house.clock.forward(2)
    assert house.checkin.attempt(picture(1, 9)).attempt.outcome is Outcome.RECORDED
    assert house.real_store.count_check_ins() == 2


def test_verify_and_identify_record_nothing(house: House) -> None:
    house.add("Maria", 1)
    for claimed in (None, "Maria"):
        result = house.checkin.attempt(picture(1, 7), claimed=claimed, records=False)
        assert (result.attempt.decision, result.attempt.outcome) == (Decision.ACCEPTED, Outcome.NONE)
        assert result.check_in is None
    assert house.real_store.count_check_ins() == 0
    assert len(house.attempts()) == 2


def test_a_claim_is_compared_with_the_claimed_person_alone(house: House) -> None:
    maria, tom = house.add("Maria", 1), house.add("Tom", 2)
    mine = house.checkin.attempt(picture(1, 7), claimed="MARIA").attempt
    assert (mine.mode, mine.person_id, mine.runner_up_l2) == (Mode.VERIFICATION, maria.person_id, None)
    assert mine.entered_name == "MARIA"
    other = house.checkin.attempt(picture(1, 7), claimed="Tom")
    assert (other.attempt.reason, other.attempt.person_id) == (Reason.NO_MATCH, None)
    assert other.attempt.nearest_person_id == tom.person_id
    assert other.words.help == "Try again in better light, or ask at the desk."


def test_somebody_enrolled_by_another_process_a_moment_ago_can_claim(house: House, tmp_path: Path) -> None:
    house.roster.gallery()
    other = House(tmp_path)
    other.add("Maria", 1)
    other.real_store.close()
    assert house.checkin.attempt(picture(1, 7), claimed="Maria").attempt.decision is Decision.ACCEPTED


@pytest.mark.parametrize(
    ("data", "reason", "faces"),
    [
        (b"", Reason.UNREADABLE_PICTURE, 0),
        (b"\xff\xd8 not a picture", Reason.UNREADABLE_PICTURE, 0),
        (b"noface", Reason.NO_FACE, 0),
        (b"several", Reason.SEVERAL_FACES, 2),
        (b"small", Reason.FACE_TOO_SMALL, 1),
        (b"dark", Reason.TOO_DARK, 1),
        (STRANGER, Reason.NO_MATCH, 1),
    ],
)
@pytest.mark.parametrize("claimed", [None, "Maria"])
def test_every_attempt_is_stored_with_its_reason(
    house: House, data: bytes, reason: Reason, faces: int, claimed: str | None
) -> None:
    house.add("Maria", 1)
    result = house.checkin.attempt(data, claimed=claimed)
    assert house.attempts() == [result.attempt]
    assert (result.attempt.decision, result.attempt.reason, result.attempt.outcome) == (
        Decision.REJECTED,
        reason,
        Outcome.NONE,
    )
    assert (result.attempt.person_id, result.attempt.person_name, result.check_in) == (None, None, None)
    assert len(result.faces) == faces
    assert "Maria" not in result.words.headline + result.words.help
    assert house.real_store.count_check_ins() == 0


def test_reasons_that_lie_with_the_people(house: House) -> None:
    assert house.checkin.attempt(picture(1)).attempt.reason is Reason.NOBODY_ENROLLED
    maria = house.add("Maria", 1)
    assert house.checkin.attempt(picture(1, 7), claimed="Nobody").attempt.reason is Reason.NOT_ENROLLED
    assert house.checkin.attempt(b"dark", claimed="Nobody").attempt.reason is Reason.NOT_ENROLLED
    house.people.deactivate(maria.person_id, actor="desk")
    assert house.checkin.attempt(picture(1, 7), claimed="Maria").attempt.reason is Reason.INACTIVE
    assert house.checkin.attempt(picture(1, 7)).attempt.reason is Reason.NOBODY_ENROLLED
    house.people.activate(maria.person_id, actor="desk")
    assert house.checkin.attempt(picture(1, 7)).attempt.reason is Reason.MATCH


def test_people_whose_pictures_cannot_be_compared_yet(house: House) -> None:
    maria = house.add("Maria", 1)
    house.reembed.run()
    for reference in house.real_store.references(maria.person_id):
        house.real_store.put_templates(house.engine.model.model_id, {reference.reference_id: "no_face"})
    house.roster.expire()
    for claimed in ("Maria", None):
        assert house.checkin.attempt(picture(1, 7), claimed=claimed).attempt.reason is Reason.NO_TEMPLATE


def test_two_people_of_one_face_are_ambiguous(house: House) -> None:
    house.add("Maria", 1)
    house.enrol.enrol("Twin", [NamedPicture("t", picture(1, 0, spread=0.2001))], overruled_by="Olof")
    result = house.checkin.attempt(picture(1, 0, spread=0.21))
    assert (result.attempt.reason, result.attempt.person_id) == (Reason.AMBIGUOUS, None)
    assert house.checkin.attempt(picture(1, 0, spread=0.22), claimed="Twin").attempt.decision is Decision.ACCEPTED


@pytest.mark.parametrize("name", ["../../etc", "$where: 1", "a" * 10_000, "An\x1b[31mna\u202e", "lone \udcff", "nul\x00"])
def test_a_name_as_an_attack_is_stored_safely(house: House, name: str) -> None:
    attempt = house.checkin.attempt(picture(1), claimed=name).attempt
    assert attempt.reason is Reason.NOT_ENROLLED
    assert attempt.entered_name is not None
    assert len(attempt.entered_name) <= 200
    assert not {"\x1b", "\u202e", "\udcff", "\x00"} & set(attempt.entered_name)
    assert house.attempts() == [attempt]


def test_another_models_templates_are_never_compared(house: House, tmp_path: Path) -> None:
    house.add("Maria", 1)
    other = House(tmp_path, engine=FakeEngine(OTHER))
    with pytest.raises(TemplateMismatchError):
        other.checkin.attempt(picture(1, 7))
    assert other.attempts() == []
    other.real_store.close()


def test_a_picture_is_kept_only_where_the_site_keeps_them(tmp_path: Path) -> None:
    house = House(tmp_path, keep_attempt_pictures=True)
    house.add("Maria", 1)
    for data in (picture(1, 7), STRANGER, b"dark", b"not a picture"):
        assert house.real_store.attempt_picture(house.checkin.attempt(data).attempt.attempt_id) == data
    house.real_store.close()


def test_nothing_of_an_earlier_attempt_leaks_into_the_next(house: House) -> None:
    house.add("Maria", 1)
    house.add("Tom", 2)
    probes = [picture(1, 7), STRANGER, b"dark", picture(2, 7), b"", picture(1, 8)]
    alone = {}
    for data in probes:
        house.clock.forward(3600)
        alone[data] = _answer(house, data)
    rng = np.random.default_rng(7)
    for _ in range(30):
        data = probes[int(rng.integers(len(probes)))]
        house.clock.forward(3600)
        assert _answer(house, data) == alone[data]


def _answer(house: House, data: bytes) -> object:
    """Everything of an attempt that is not its id or a time."""
    attempt = house.checkin.attempt(data).attempt
    return replace(
        attempt, attempt_id="", at_utc=datetime.min.replace(tzinfo=UTC), timings_ms={}, check_in_at_utc=None, day=None
    )


def test_the_distance_is_the_attempts_own(house: House) -> None:
    house.add("Maria", 1, pictures=1)
    probe = picture(1, 7)
    expected = distance_l2(embedding(probe), embedding(picture(1, 0)))
    assert house.checkin.attempt(probe).attempt.distance_l2 == pytest.approx(expected, abs=1e-5)
