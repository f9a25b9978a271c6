"""What the pages say: every error has a sentence, and no name can become markup."""

from __future__ import annotations

import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance import errors
from attendance.ui.messages import SENTENCES, sentence_for
from attendance.ui.text import plain

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, errors.AttendanceError)]
# Made elsewhere than on these pages: by the export, by tracking; or the root, which is never raised itself.
ELSEWHERE = {errors.AttendanceError, errors.ExportError, errors.TrackingError, errors.CaptureError}


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls not in ELSEWHERE], ids=lambda cls: cls.__name__)
def test_every_error_has_a_sentence(cls: type[errors.AttendanceError]) -> None:
    assert any(issubclass(cls, kind) for kind, _ in SENTENCES)


def test_the_special_sentences_stand_before_the_general_ones() -> None:
    for at, (kind, _) in enumerate(SENTENCES):
        assert not any(issubclass(kind, earlier) and kind is not earlier for earlier, _ in SENTENCES[:at])


def test_a_quality_refusal_says_what_to_do() -> None:
    error = errors.FaceQualityError("detail", measure="brightness", value=3, limit=15, advice="Turn towards the light.")
    assert sentence_for(error) == "Turn towards the light."


def test_a_store_that_is_away_never_shows_the_drivers_words() -> None:
    error = errors.StoreUnavailableError("mongodb://ann:secret@host: timed out", reason="timeout")
    assert "secret" not in sentence_for(error)


@given(st.text(min_size=1))
def test_plain_text_keeps_every_letter_and_escapes_every_mark(text: str) -> None:
    escaped = plain(text)
    shown = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escaped)
    # But for the joiner without width that keeps Streamlit from making a link of an address.
    assert shown.replace("\u2060", "") == " ".join(text.split()).replace("\u2060", "")
    assert not re.search(r"(?<!\\)(?:\\\\)*[*_`\[\]<>$:~]", escaped)
