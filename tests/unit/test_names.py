"""Names come from outside: shown safely, or refused with a sentence."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendance.domain.names import MAX_LENGTH, clean_name, name_key
from attendance.errors import NameRefusedError


@pytest.mark.parametrize(
    "name",
    [
        "Maria Lindqvist",
        "O'Brien-Smith, Jr.",
        "../../etc/passwd",
        "$where",
        "a.b.c",
        "Robert'); DROP TABLE people;--",
        "<script>alert(1)</script>",
        "李小龍",
        "Дмитрий Иванов",
        "नरेन्द्र",
        "محمد علي",
        "X Æ A-12",
        "می\u200cخواهم",  # noqa: RUF001 - a name of another script; a joiner that its script needs
    ],
)
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        (" \t\n ", "empty"),
        ("x" * (MAX_LENGTH + 1), "too_long"),
        ("x" * 10_000, "too_long"),
        ("Anna\u202egnp.exe", "bidirectional_marks"),
        ("Anna\u200f", "bidirectional_marks"),
        ("An\x00na", "control_characters"),
        ("An\x1b[31mna", "control_characters"),
        ("An\ud800na", "control_characters"),
        ("An\u200bna", "invisible"),
        ("\u200d", "invisible"),
        ("---", "invisible"),
        ("\u0410nna", "mixed_scripts"),  # the first letter is Cyrillic
    ],
)
def test_names_that_deceive_are_refused(name: str, reason: str) -> None:
    with pytest.raises(NameRefusedError) as caught:
        clean_name(name)
    assert caught.value.reason == reason
    assert str(caught.value).endswith(".")


def test_a_name_is_the_same_however_it_is_written() -> None:
    assert name_key("Zoë  LINDQVIST") == name_key("zoe\u0308 lindqvist") == name_key("Ｚｏë Lindqvist")
    assert name_key("Zoe") != name_key("Zoë")
    assert name_key("Straße") == name_key("STRASSE")


@given(st.text(max_size=300))
def test_a_clean_name_is_stable_and_safe(text: str) -> None:
    try:
        name = clean_name(text)
    except NameRefusedError:
        return
    assert clean_name(name) == name
    assert name_key(name) == name_key(text)
    assert 0 < len(name) <= MAX_LENGTH
    assert all(unicodedata.category(c)[0] != "C" or c in "\u200c\u200d" for c in name)


@given(st.text(max_size=50))
def test_a_key_is_its_own_key(text: str) -> None:
    assert name_key(name_key(text)) == name_key(text)
