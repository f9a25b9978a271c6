"""The small parts of an export: safe names, the order of pictures, lines in order, and the connection string."""

from __future__ import annotations

import base64
import math
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from attendance.cli.export import store_url
from attendance.domain.names import name_key
from attendance.export.arrange import Arranged, arranged
from attendance.export.layout import line, media_type, time_text
from attendance.export.names import folder_names, safe_name
from attendance.export.records import picture_line, template_line
from attendance.export.sorting import SortedLines
from attendance.export.summary import difference
from attendance.store.archive import StoredPicture, StoredTemplate
from tests.store_makers import after

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

TEXT = st.text(st.characters(codec="utf-8"), max_size=150)
SOME = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("xy"))
DEVICES = ("con", "prn", "aux", "nul", "com1", "lpt9", "com¹", "conin$")


@given(TEXT, TEXT, st.binary(max_size=100), TEXT)
def test_a_template_stands_in_its_line_as_every_record_does(person: str, key: str, made: bytes, why: str) -> None:
    ids = {"person_id": person, "reference_id": key}
    found = template_line(StoredTemplate("m", person, "another", made, None), key)
    assert found == line({**ids, "embedding": base64.b64encode(made).decode()})
    assert template_line(StoredTemplate("m", person, "another", None, why), key) == line({**ids, "failure": why})


@given(
    TEXT,
    TEXT,
    st.none() | st.datetimes(timezones=st.just(UTC)),
    st.none() | st.dictionaries(TEXT, st.floats() | st.integers() | st.none(), max_size=4),
)
def test_a_picture_stands_in_its_line_as_every_record_does(
    text: str, file: str, moment: datetime | None, quality: Any
) -> None:
    picture = StoredPicture(text, text, 3, 20, "ab" * 32, moment, quality, older=False, picture=None)
    finite = {key: value if value is None or math.isfinite(value) else None for key, value in (quality or {}).items()}
    assert picture_line(Arranged(picture, 0, 7, text), file, "image/png") == line(
        {
            "person_id": text,
            "reference_id": text,
            "image_index": 7,
            "file": file,
            "sha256": "ab" * 32,
            "size": 20,
            "media_type": "image/png",
            "created_at": None if moment is None else time_text(moment),
            "quality": None if quality is None else finite,
        }
    )


@given(TEXT)
def test_a_safe_name_is_safe_everywhere(text: str) -> None:
    name = safe_name(text)
    assert name == unicodedata.normalize("NFC", name)
    assert 0 < len(f"{name}_2147483647.jpg".encode()) < 200
    assert not set(name) & set('<>:"/\\|?*')
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in name)
    assert name[0] not in ". -"
    assert name[-1] not in ". "
    assert name.partition(".")[0].rstrip().casefold() not in DEVICES


@pytest.mark.parametrize("name", ["Ada Lovelace", "Zoë", "O'Brien", "李小龍", "Anne-Marie", "Dr. No", "x", "J. R. T", "a.b"])
def test_an_ordinary_name_is_its_own_folder(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize("name", ["a/b", "..", ".x", "x.", "CON", "nul.txt", "a~b", "é" * 60, "-rf", " x", "a\x00b"])
def test_another_name_gets_a_digest(name: str) -> None:
    assert safe_name(name) != name
    assert "~" in safe_name(name)


@given(st.lists(TEXT.filter(name_key), max_size=30, unique_by=name_key), st.randoms())
def test_folders_are_unique_on_every_file_system_and_in_any_order(names: list[str], chance: random.Random) -> None:
    people = [(f"id{number}", name) for number, name in enumerate(names)]
    folders = folder_names(people)
    keys = {unicodedata.normalize("NFKC", folder).casefold() for folder in folders.values()}
    assert len(keys) == len(names)
    assert folder_names(chance.sample(people, len(people))) == folders


def test_two_that_some_file_system_takes_for_one_are_told_apart() -> None:
    folders = folder_names([("1", "stra\u00dfe"), ("2", "STRASSE"), ("3", "Ann")])
    assert folders["3"] == "Ann"
    assert folders["1"] != "stra\u00dfe"
    assert folders["2"] != "STRASSE"


def picture(key: str, index: int | None, *, older: bool = True, seconds: float = 0) -> StoredPicture:
    return StoredPicture(key, "p", index, 1, key * 32, after(seconds), None, older, None)


@given(st.randoms())
def test_pictures_are_arranged_by_what_they_are(chance: random.Random) -> None:
    pictures = [
        picture("a", 0, seconds=5),
        picture("b", 0, seconds=1),
        picture("c", None),
        picture("d", 3),
        picture("e", 3, older=False, seconds=9),
    ]
    found = [(one.picture.reference_id, one.index) for one in arranged(chance.sample(pictures, 5))]
    assert found == [("b", 0), ("e", 3), ("a", 4), ("d", 5), ("c", 6)]
    ids = {one.picture.reference_id: one.reference_id for one in arranged(pictures)}
    assert ids["e"] == "e"
    assert len(set(ids.values())) == 5
    assert {len(key) for name, key in ids.items() if name != "e"} == {32}


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n")), max_size=60))
def test_lines_come_in_order_however_few_fit(tmp_path_factory: pytest.TempPathFactory, given_lines: list[str]) -> None:
    with SortedLines(tmp_path_factory.getbasetemp(), held=7) as lines:
        for text in given_lines:
            lines.add(text)
        assert list(lines) == sorted(given_lines)


def _lines(held: dict[str, str]) -> Iterator[str]:
    return iter(sorted(key + content for key, content in held.items()))


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("xy")),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("xy")),
)
def test_the_difference_of_two_lists(before: dict[str, str], now: dict[str, str]) -> None:
    found = difference(_lines(before), _lines(now), lambda text: text[0])
    both = before.keys() & now.keys()
    assert found.as_dict() == {
        "added": len(now.keys() - before.keys()),
        "removed": len(before.keys() - now.keys()),
        "changed": sum(before[key] != now[key] for key in both),
    }


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"text", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_the_type_of_a_picture_by_its_first_bytes(head: bytes, kind: str) -> None:
    assert media_type(head) == kind


@pytest.mark.parametrize(
    ("url", "database", "whole"),
    [
        ("mongodb://localhost:27017/", "face_attendance", "mongodb://localhost:27017/face_attendance"),
        ("mongodb://localhost:27017", "face_attendance", "mongodb://localhost:27017/face_attendance"),
        ("mongodb://localhost/old?w=1", "new", "mongodb://localhost/new?w=1"),
        ("mongodb://me:pw@localhost/users", "new", "mongodb://me:pw@localhost/new?authSource=users"),
        ("mongodb://me:pw@localhost/users?authSource=admin", "new", "mongodb://me:pw@localhost/new?authSource=admin"),
        ("mongodb+srv://cluster.example/", "new", "mongodb+srv://cluster.example/new"),
        ("mongodb://a,b,c/x?replicaSet=r", None, "mongodb://a,b,c/x?replicaSet=r"),
        ("sqlite:///x.db", None, "sqlite:///x.db"),
    ],
)
def test_the_database_joins_the_connection_string(url: str, database: str | None, whole: str) -> None:
    assert store_url(url, database) == whole


def test_a_file_has_no_databases() -> None:
    with pytest.raises(typer.BadParameter):
        store_url("sqlite:///x.db", "face_attendance")
