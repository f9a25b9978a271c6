"""Logs go to stderr, one line an event, and hold no secret."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from attendance import logs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "text",
    [
        "mongodb://ann:hunter2@db/face_attendance",
        "cannot reach mongodb+srv://ann:hunter2@db.example.org/?w=1, giving up",
        "mongodb://ann:hun/ter2:hunter2@db/x",
        "mongodb://ann:p@ss:hunter2@db/x",
        "mongodb://db/x?tls=true&tlsCertificateKeyFilePassword=hunter2",
        "http://hunter2@proxy:3128",
    ],
)
def test_no_password_of_an_address_is_left(text: str) -> None:
    assert "hunter2" not in logs.masked(text)
    assert "***" in logs.masked(text)


@given(st.text(st.characters(categories=("L", "N", "P")), min_size=8, max_size=30))
def test_no_password_at_all(password: str) -> None:
    assert logs.masked(f"mongodb://someone:{password}@db.example.org/x") == "mongodb://***@db.example.org/x"


@pytest.mark.parametrize("text", ["sqlite:///data/attendance.db", "write to ann@example.org", "12:30 at the door"])
def test_other_text_is_left_alone(text: str) -> None:
    assert logs.masked(text) == text


def test_an_event_is_one_line_of_json_without_secrets() -> None:
    out = io.StringIO()
    logs.configure(level="info", stream=out)
    structlog.get_logger("test").info(
        "opened",
        url="mongodb://a:hunter2@db/x",
        password="hunter2",
        nested={"api_key": "hunter2", "urls": ["mongodb://a:hunter2@db/x"]},
        error=ValueError("mongodb://a:hunter2@db/x"),
    )
    (line,) = out.getvalue().splitlines()
    event = json.loads(line)
    assert (event["event"], event["level"]) == ("opened", "info")
    assert "hunter2" not in line


def test_a_traceback_keeps_no_secret() -> None:
    out = io.StringIO()
    logs.configure(level="info", stream=out, as_json=False)
    address = "mongodb://a:hunter2@db/x"
    try:
        int(address)
    except ValueError:
        structlog.get_logger("test").exception("lost")
    assert "lost" in out.getvalue()
    assert "ValueError" in out.getvalue()
    assert "hunter2" not in out.getvalue()


def test_what_is_below_the_level_is_dropped() -> None:
    out = io.StringIO()
    logs.configure(level="warning", stream=out)
    structlog.get_logger("test").info("quiet")
    assert out.getvalue() == ""


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="debug, info"):
        logs.configure(level="loud")
