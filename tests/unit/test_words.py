"""What the person is told: exact, kind, and never more than is true."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from attendance.domain.model import Attempt, Decision, Mode, Outcome, Reason
from attendance.services.words import REFUSALS, printable, words_for

STOCKHOLM = ZoneInfo("Europe/Stockholm")
ACCEPTED = Attempt(
    attempt_id="a" * 32,
    at_utc=datetime(2026, 3, 2, 8, 2, 11, 999_000, tzinfo=UTC),
    mode=Mode.IDENTIFICATION,
    decision=Decision.ACCEPTED,
    reason=Reason.MATCH,
    outcome=Outcome.RECORDED,
    records=True,
    entered_name="Maria Lindqvist",
    person_id="p1",
    person_name="Maria Lindqvist",
    nearest_person_id="p1",
    distance_l2=0.3,
    runner_up_l2=0.9,
    threshold=0.54,
    model_id="fake",
    check_in_at_utc=datetime(2026, 3, 2, 8, 2, 11, tzinfo=UTC),
)


def test_a_stored_check_in() -> None:
    words = words_for(ACCEPTED, STOCKHOLM)
    assert words.headline == "Maria Lindqvist"
    assert words.help == "Checked in at 09:02:11. Not you? Please tell the desk."


def test_a_second_one_tells_the_time_of_the_first() -> None:
    first = datetime(2026, 3, 2, 7, 57, 40, tzinfo=UTC)
    words = words_for(replace(ACCEPTED, outcome=Outcome.ALREADY, check_in_at_utc=first), STOCKHOLM)
    assert words.help == "Already checked in at 08:57:40. All is well. Nothing new was recorded."


def test_only_a_record_is_called_a_check_in() -> None:
    words = words_for(replace(ACCEPTED, outcome=Outcome.NONE, records=False), STOCKHOLM)
    assert "hecked in" not in words.help


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.MATCH])
@pytest.mark.parametrize("mode", list(Mode))
def test_after_a_failure_there_are_words_and_no_name(reason: Reason, mode: Mode) -> None:
    rejected = replace(ACCEPTED, decision=Decision.REJECTED, reason=reason, mode=mode, outcome=Outcome.NONE, person_id=None)
    words = words_for(rejected, STOCKHOLM)
    assert words.headline
    assert words.help.endswith(".")
    for text in (words.headline, words.help):
        assert "Maria" not in text
        assert "hecked in" not in text
        assert not {"!", "error", "failed"} & set(text.lower().replace("!", " ! ").split())


def test_the_kiosks_sentences() -> None:
    rejected = replace(ACCEPTED, decision=Decision.REJECTED, reason=Reason.NO_MATCH, outcome=Outcome.NONE)
    assert words_for(rejected).help == "Face the light, take off hat or dark glasses, or ask at the desk."
    claimed = replace(rejected, mode=Mode.VERIFICATION)
    assert words_for(claimed).help == "Try again in better light, or ask at the desk."
    assert words_for(claimed).headline == words_for(rejected).headline == "Not recognised this time"


def test_every_reason_is_in_the_list_and_in_the_page_about_reasons() -> None:
    assert set(REFUSALS) == set(Reason) - {Reason.MATCH}
    page = (Path(__file__).resolve().parents[2] / "docs" / "reasons.md").read_text(encoding="utf-8")
    for reason in Reason:
        assert f"| `{reason}` |" in page
    for words in REFUSALS.values():
        assert words.headline in page
        assert words.help in page


def test_text_that_could_steer_a_terminal_is_made_visible() -> None:
    assert printable("An\x1b[31mna\u202e") == "An\ufffd[31mna\ufffd"
    assert printable("  Anna   Maria ") == "Anna Maria"
    assert printable("me\u0301lanie") == "mélanie"
    assert len(printable("x" * 100_000)) == 200
