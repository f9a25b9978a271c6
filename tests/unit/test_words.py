"""What the person is told: exact, kind, and never more than is true."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from attendance.domain.model import Attempt, Decision, Mode, Outcome, Reason, Review
from attendance.services import live_words
from attendance.services.live_words import Screen, hint_for, result_for
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


# The kiosk's screen ---------------------------------------------------------------------------------------------------

SCREENS = [value for value in vars(live_words).values() if isinstance(value, Screen)]
ABOUT_THE_PICTURE = [
    reason
    for reason in Reason
    if reason
    not in {
        Reason.MATCH,
        Reason.NO_MATCH,
        Reason.AMBIGUOUS,
        Reason.NOBODY_ENROLLED,
        Reason.NOT_ENROLLED,
        Reason.INACTIVE,
        Reason.NO_TEMPLATE,
    }
]


def results() -> list[Screen]:
    """Every result that a stored attempt can be."""
    rejected = replace(ACCEPTED, decision=Decision.REJECTED, outcome=Outcome.NONE, person_id=None)
    misses = [replace(rejected, reason=r, mode=m) for r in Reason if r is not Reason.MATCH for m in Mode]
    hits = [replace(ACCEPTED, outcome=o, review=r) for o in Outcome for r in Review]
    return [result_for(one, STOCKHOLM) for one in (*misses, *hits)]


def test_a_check_in_on_the_screen() -> None:
    screen = result_for(ACCEPTED, STOCKHOLM)
    assert (screen.state, screen.tone, screen.icon) == ("checked-in", "good", "tick")
    assert (screen.headline, screen.fact) == ("Maria Lindqvist", ("Checked in at", "09:02:11"))
    first = datetime(2026, 3, 2, 7, 57, 40, tzinfo=UTC)
    again = result_for(replace(ACCEPTED, outcome=Outcome.ALREADY, check_in_at_utc=first), STOCKHOLM)
    assert (again.tone, again.fact) == ("same", ("Already checked in at", "08:57:40"))


def test_green_is_a_stored_check_in_and_nothing_else() -> None:
    assert {screen.state for screen in (*SCREENS, *results()) if screen.tone == "good"} == {"checked-in"}
    for screen in (*SCREENS, *results()):
        said = f"{screen.headline} {screen.fact} {screen.help}"
        assert ("Checked in at" in said) == (screen.state == "checked-in")


@pytest.mark.parametrize("reason", ABOUT_THE_PICTURE)
def test_every_fault_of_a_frame_is_a_hint(reason: Reason) -> None:
    assert hint_for(reason).tone == "quiet"


def test_every_screen_speaks_kindly() -> None:
    for screen in (*SCREENS, *results(), *map(hint_for, ABOUT_THE_PICTURE)):
        assert screen.headline
        assert screen.help.endswith(".")
        assert not {"!", "error", "failed", "invalid"} & set(
            f"{screen.headline} {screen.help}".lower().replace("!", " ! ").split()
        )


def test_who_is_not_the_claimed_one_hears_the_same_whoever_is_registered() -> None:
    rejected = replace(ACCEPTED, decision=Decision.REJECTED, mode=Mode.VERIFICATION, outcome=Outcome.NONE)
    assert len({result_for(replace(rejected, reason=reason)) for reason in Reason if reason is not Reason.MATCH}) == 1


@pytest.mark.parametrize("review", [Review.DISPUTED, Review.VOID])
def test_a_disputed_record_names_nobody(review: Review) -> None:
    screen = result_for(replace(ACCEPTED, review=review))
    assert screen.state == "disputed"
    assert "Maria" not in f"{screen.headline} {screen.help} {screen.fact}"
