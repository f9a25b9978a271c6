"""Which threshold is in force and where it came from, in words."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from attendance.domain.model import RecognitionOptions
from attendance.domain.recogniser import Recogniser
from attendance.services.choices import Change, Chosen
from attendance.services.kept_recogniser import KeptRecogniser
from attendance.services.origin import Origins
from tests.store_makers import NOON

BASE = {"thresholds.dlib": 0.53, "thresholds.facenet": 0.7, "policy.cooldown_s": 60.0}
CHAMPION = "models:/face-recogniser@champion"
SAVED = Chosen({"thresholds.dlib": 0.5}, 2, "b")
CHANGES = [
    Change(NOON, "Olof", "thresholds.dlib", 0.52, 0.5, "", 2),
    Change(NOON, "Maria", "thresholds.dlib", 0.53, 0.52, "", 1),
]


def origins(
    chosen: Chosen | None = None, *, kept: KeptRecogniser | None = None, model: str = CHAMPION, file: bool = True
) -> Origins:
    return Origins(chosen or Chosen(), CHANGES, BASE, kept, model, file, ZoneInfo("Europe/Stockholm"))


def kept(number: int) -> KeptRecogniser:
    return KeptRecogniser(Recogniser("dlib", "dlib-1", RecognitionOptions(), 0.53, 0.05), Path("/kept"), number, "")


def test_where_nothing_was_saved() -> None:
    assert origins().of("thresholds.dlib") == "from params.yaml"
    assert origins(file=False).of("thresholds.dlib") == "from the built-in values"
    assert origins(kept=kept(3)).of("thresholds.dlib") == f"from version 3 of {CHAMPION}"
    assert origins(kept=kept(0), model="models/recogniser").of("thresholds.dlib") == "from models/recogniser"


def test_a_saved_one_says_whose_it_is_and_what_it_stands_over() -> None:
    said = origins(SAVED).of("thresholds.dlib")
    assert said == "saved by Olof on 2 Mar 2026, 13:00; params.yaml has 0.53"
    assert origins(SAVED, kept=kept(3)).of("thresholds.dlib").endswith(f"; version 3 of {CHAMPION} has 0.53")
    assert origins(SAVED, file=False).of("thresholds.dlib").endswith("; the built-in values have 0.53")


def test_what_a_recogniser_does_not_bring_stays_the_files() -> None:
    assert origins(kept=kept(3)).of("policy.cooldown_s") == "from params.yaml"
    assert origins(kept=kept(3)).of("thresholds.facenet") == "from params.yaml"
    assert origins(kept=kept(3)).below("recognition.use_tta_flip") == f"version 3 of {CHAMPION}"
