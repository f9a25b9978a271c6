"""What the kiosk says by itself, and of a picture: the tone of the house, and that docs/kiosk.md lists every screen."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from attendance.domain.model import Attempt, Decision, Mode, Outcome, Reason
from attendance.services import live_words
from attendance.services.live_words import Screen
from attendance.ui import kiosk
from attendance.ui.panel import answer_of

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "kiosk.md").read_text(encoding="utf-8")
STOCKHOLM = ZoneInfo("Europe/Stockholm")


def constants(name: str) -> dict[str, Any]:
    """An object of words.js, which is JSON."""
    text = (kiosk.HERE / "words.js").read_text(encoding="utf-8")
    found = re.search(rf"export const {name} = (\{{.*?\n\}});", text, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


WORDS = constants("WORDS")
SCREENS = [value for value in vars(live_words).values() if isinstance(value, Screen)]
SAID = [
    *(
        text
        for words in WORDS.values()
        for key, value in words.items()
        for text in ([value] if isinstance(value, str) else value)
    ),
    *constants("LABELS").values(),
    *(text for screen in SCREENS for text in (screen.headline, screen.help)),
]


@pytest.mark.parametrize("text", SAID)
def test_the_tone_is_calm(text: str) -> None:
    assert "!" not in text
    assert not re.search(r"\b(error|failed|invalid|oops|sorry)\b", text, re.IGNORECASE)
    assert "checked in" not in text.casefold(), "only a stored record is called that, and its words come with its time"


@pytest.mark.parametrize("words", [*WORDS.values()], ids=[*WORDS])
def test_a_headline_is_short_and_the_help_is_whole_sentences(words: dict[str, Any]) -> None:
    if "headline" in words:
        assert len(words["headline"]) <= 30
        assert not words["headline"].endswith(".")
    assert words["help"][-1] in ".?"


@pytest.mark.parametrize(
    "headline",
    sorted({words["headline"] for words in WORDS.values() if "headline" in words} | {screen.headline for screen in SCREENS}),
)
def test_the_docs_list_every_screen(headline: str) -> None:
    assert headline in DOCS


def test_no_name_is_used_twice_in_the_modules_that_become_one() -> None:
    names = re.findall(r"^(?:const|let|class|(?:async )?function) +(\w+)", kiosk.script(), re.MULTILINE)
    assert len(names) > 50
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_the_modules_become_one_that_imports_nothing_and_exports_one_thing() -> None:
    script = kiosk.script()
    assert re.findall(r"^\s*import\b", script, re.MULTILINE) == []
    assert re.findall(r"^export.*$", script, re.MULTILINE) == [
        "export default function ({ parentElement: root, data, setTriggerValue }) {"
    ]
    assert {path.name for path in kiosk.HERE.glob("*.js")} == set(kiosk.MODULES)


def test_nothing_is_fetched_from_elsewhere() -> None:
    for text in (kiosk.script(), kiosk.style(), kiosk.markup()):
        assert not re.search(r"https?://(?!`)|url\(", text)


ATTEMPT = Attempt(
    attempt_id="a" * 32,
    at_utc=datetime(2026, 11, 20, 8, 2, 11, tzinfo=UTC),
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
    runner_up_l2=None,
    threshold=0.5,
    model_id="m",
)


def test_a_recorded_picture_is_green_with_its_time() -> None:
    answer = answer_of(ATTEMPT, STOCKHOLM)
    assert (answer["tone"], answer["headline"]) == ("good", "Maria Lindqvist")
    assert answer["fact"] == {"label": "Checked in at", "time": "09:02:11"}
    assert answer["disputable"]
    assert answer["hold_ms"] > 0


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.MATCH])
def test_a_refused_picture_names_nobody_and_is_never_green(reason: Reason) -> None:
    refused = replace(ATTEMPT, decision=Decision.REJECTED, reason=reason, outcome=Outcome.NONE, person_id=None)
    answer = answer_of(refused, STOCKHOLM)
    assert answer["tone"] in {"quiet", "miss", "away"}
    assert "Maria" not in json.dumps(answer)
    assert not answer["disputable"]


def test_a_picture_that_a_better_one_mends_leaves_the_button_at_hand() -> None:
    refused = replace(ATTEMPT, decision=Decision.REJECTED, reason=Reason.NO_FACE, outcome=Outcome.NONE)
    answer = answer_of(refused, STOCKHOLM)
    assert (answer["headline"], answer["hold_ms"]) == ("No face in that picture", 0)
