"""The kiosk's routes on a real server with the real engine: what they tell, and what they refuse."""

from __future__ import annotations

import io
import sqlite3
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from attendance.domain.model import Review
from tests.kiosk_screen import Screen, enrol, frames_of
from tests.real_server import answers, serving, set_password, until
from tests.visitors import paired, store_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.real_server import App

NAME = "Eileen Collins"
FIELDS = {
    "state", "tone", "icon", "headline", "fact", "help", "boxes", "agreed", "needed", "attempt", "disputable", "hold_ms",
    "every_ms", "clock",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kiosk")


@pytest.fixture(scope="module")
def ids(folder: Path, model_dir: Path, astronaut_jpeg: bytes, astronaut: NDArray[np.uint8]) -> dict[str, str]:
    """Two people, though only one of them has a face of her own here."""
    return enrol(folder, model_dir, {NAME: [astronaut_jpeg, frames_of(astronaut)[0]]})


@pytest.fixture(scope="module")
def app(folder: Path, model_dir: Path, ids: dict[str, str]) -> Iterator[App]:
    """An open kiosk, with somebody enrolled and the models loaded."""
    assert ids
    with serving(folder, model_dir, ATTEND_STORE_TIMEOUT_S="2") as running:
        set_password(running)
        until(lambda: answers(running, "/readyz"), running, 120)
        yield running


@pytest.fixture(scope="module")
def frames(astronaut: NDArray[np.uint8]) -> list[bytes]:
    return frames_of(astronaut)


@pytest.fixture
def screen(app: App) -> Iterator[Screen]:
    """An open kiosk's screen that has been given its cookie."""
    made = Screen(app)
    assert made.ask("GET", "/api/kiosk/status").status_code == 200
    yield made
    made.close()


def test_a_visit_from_the_first_frame_to_not_me(screen: Screen, app: App, frames: list[bytes]) -> None:
    heard = [screen.send(frame).json() for frame in frames[:3]]
    assert all(set(answer) == FIELDS for answer in heard)
    assert [answer["state"] for answer in heard] == ["deciding", "deciding", "checked-in"]
    assert [answer["agreed"] for answer in heard] == [1, 2, 3]
    last = heard[-1]
    assert (last["headline"], last["tone"], last["icon"], last["needed"]) == (NAME, "good", "tick", 3)
    assert last["fact"]["label"] == "Checked in at"
    assert (round(last["hold_ms"], -2), last["disputable"]) == (4000, True)
    assert NAME not in str(heard[:2])
    (box,) = last["boxes"]
    assert all(0 <= side <= 1 for side in box)
    assert datetime.fromisoformat(last["clock"]).utcoffset() is not None

    asked = screen.ask("GET", f"/api/kiosk/attempt/{last['attempt']}").json()
    changing = {"boxes": 0, "clock": 0, "hold_ms": 0}
    assert {**asked, **changing} == {**last, **changing}
    with store_of(app) as store:
        stored = store.attempt(last["attempt"])
        assert stored is not None
        assert stored.parameters["agreeing_frames"] == 3
    assert screen.send(frames[3]).json()["attempt"] == last["attempt"], "the same result, not another one"

    disputed = screen.ask("POST", "/api/kiosk/dispute", json={"attempt": last["attempt"]})
    assert (disputed.status_code, disputed.json()["state"]) == (200, "disputed")
    again = screen.ask("POST", "/api/kiosk/dispute", json={"attempt": last["attempt"]})
    assert again.status_code == 200, "saying it twice changes nothing"
    with store_of(app) as store:
        stored = store.attempt(last["attempt"])
        assert stored is not None
        assert (stored.review, stored.reviewed_by) == (Review.DISPUTED, "kiosk")
        assert [entry.actor for entry in store.audit() if entry.action == "attempt.dispute"] == ["kiosk"]
    assert NAME not in str(screen.ask("GET", f"/api/kiosk/attempt/{last['attempt']}").json())


def test_another_screen_hears_nothing_of_an_attempt(app: App, screen: Screen, frames: list[bytes]) -> None:
    attempt = next(answer["attempt"] for frame in frames if (answer := screen.send(frame).json())["hold_ms"])
    with closing(Screen(app)) as other:
        other.ask("GET", "/api/kiosk/status")
        assert other.ask("GET", f"/api/kiosk/attempt/{attempt}").json()["state"] == "unknown"
        assert other.ask("POST", "/api/kiosk/dispute", json={"attempt": attempt}).status_code == 404
    for made_up in (uuid.uuid4().hex, "x", "$where", "a" * 200):
        assert screen.ask("GET", f"/api/kiosk/attempt/{made_up}").json()["state"] == "unknown"
    for made_up in ("..%2f..%2fetc", "%00" * 20):
        assert screen.ask("GET", f"/api/kiosk/attempt/{made_up}").status_code in {400, 404}


def test_a_claim(screen: Screen, frames: list[bytes], ids: dict[str, str]) -> None:
    for claim in (NAME.upper(), f"N-{NAME}", f"id:{ids[NAME]}"):
        screen.claim, screen.turn = claim, screen.turn + 1
        assert screen.until("already", frames)["headline"] == NAME


def test_an_unknown_name_sounds_like_a_mismatch(screen: Screen, frames: list[bytes]) -> None:
    screen.claim = "Nobody Åström"
    answer = screen.until("not-recognised", frames)
    assert (answer["tone"], answer["hold_ms"], answer["agreed"]) == ("miss", 8000, 0)
    assert NAME not in str(answer)
    assert "registered" not in str(answer)


def test_nobody_and_a_dark_room(screen: Screen, frames: list[bytes]) -> None:
    empty = frames_of(np.full((480, 480, 3), 90, np.uint8))[0]
    assert screen.send(empty).json()["state"] == "waiting"
    assert screen.send(frames[0]).json()["state"] == "deciding"


def test_a_database_that_can_be_read_but_not_written_pauses_until_it_can(
    app: App, screen: Screen, frames: list[bytes]
) -> None:
    """Steady: nobody is asked again and again to hold still for a check-in that cannot be stored."""
    screen.until("checked-in or already", frames)
    with closing(Screen(app)) as visitor, closing(sqlite3.connect(app.folder / "attendance.db", timeout=20)) as other:
        visitor.ask("GET", "/api/kiosk/status")
        other.execute("BEGIN IMMEDIATE")
        visitor.until("away", frames)
        for frame in frames * 2:
            refused = visitor.send(frame)
            assert (refused.status_code, refused.json()["state"]) == (503, "away")
            assert visitor.ask("GET", "/api/kiosk/status").json()["state"] == "away"
            time.sleep(0.2)
        with closing(Screen(app)) as third:
            assert third.ask("GET", "/api/kiosk/status").json()["state"] == "away", (
                "every screen, not only the one that failed"
            )
        assert visitor.ask("GET", "/readyz").text == "database"
        other.rollback()
        until(lambda: visitor.ask("GET", "/api/kiosk/status").json()["state"] == "ready", app)
        assert visitor.until("already", frames)["headline"] == NAME
        assert answers(app, "/readyz")


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Origin": None}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"X_Xsrftoken": None}, 403),
        ({"X_Xsrftoken": "2|00000000|ffffffffffffffffffffffffffffffff|1700000000"}, 403),
        ({"Content_Type": "application/octet-stream"}, 415),
        ({"Content_Type": "multipart/form-data; boundary=x"}, 415),
        ({"X_Attend_View": None}, 422),
        ({"X_Attend_View": "../../etc/passwd"}, 422),
        ({"X_Attend_Turn": "-1"}, 422),
        ({"X_Attend_Turn": "1e9"}, 422),
        ({"X_Attend_Claim": "a" * 201}, 422),
    ],
)
def test_a_frame_that_the_kiosk_never_sends(
    screen: Screen, app: App, frames: list[bytes], changes: dict[str, str | None], status: int
) -> None:
    with store_of(app) as store:
        before = len(list(store.attempts()))
    for frame in frames[:3]:
        answer = screen.send(frame, changes)
        assert answer.status_code == status
        assert {"state", "headline", "help", "retry_s"} <= set(answer.json())
        assert answer.json()["headline"]
    with store_of(app) as store:
        assert len(list(store.attempts())) == before


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"GIF89a" + bytes(100), 422),
        (b"\xff\xd8\xff" + bytes(1000), 422),
        (b"\xff\xd8\xff" + bytes(300_000), 413),
    ],
)
def test_a_body_that_is_no_frame(screen: Screen, content: bytes, status: int) -> None:
    answer = screen.send(content)
    assert answer.status_code == status
    assert answer.json()["headline"]


def test_a_picture_with_very_many_pixels_is_not_decoded(screen: Screen) -> None:
    """Its header claims 65,000 x 65,000; nothing more of it is there, and nothing more is needed to refuse it."""
    out = io.BytesIO()
    Image.new("L", (8, 8)).save(out, "JPEG")
    data = bytearray(out.getvalue())
    start = data.index(b"\xff\xc0")  # the frame header: length, precision, then height and width
    data[start + 5 : start + 9] = b"\xfd\xe8\xfd\xe8"
    assert screen.send(bytes(data)).status_code == 422


@pytest.mark.parametrize("path", ["/api/kiosk/frame", "/api/kiosk/dispute", "/api/kiosk/nothing", "/api/kiosk/"])
def test_a_wrong_method_or_path_is_no_page(screen: Screen, path: str) -> None:
    answer = screen.ask("PUT" if "frame" in path else "GET", path)
    assert answer.status_code in {404, 405}
    assert "<html" not in answer.text


@pytest.mark.parametrize("content", [b"", b"[]", b'{"attempt":7}', b'{"attempt":"%s"}' % (b"a" * 2000), b"\xff", b"[" * 900])
def test_a_dispute_that_is_none(screen: Screen, content: bytes) -> None:
    answer = screen.ask("POST", "/api/kiosk/dispute", headers={"Content-Type": "application/json"}, content=content)
    assert answer.status_code in {413, 422}


def test_a_screen_that_sends_too_much_is_slowed_down_and_the_others_are_not(app: App, screen: Screen) -> None:
    with ThreadPoolExecutor(8) as pool:
        heard = list(pool.map(screen.send, [b"no"] * 200))
    assert {answer.status_code for answer in heard} == {422, 429}
    refused = next(answer for answer in heard if answer.status_code == 429)
    assert refused.json()["state"] == "busy"
    assert int(refused.headers["retry-after"]) >= 1
    with closing(Screen(app)) as other:
        other.ask("GET", "/api/kiosk/status")
        assert other.send(b"no").status_code == 422


def test_two_frames_of_one_view_at_once(screen: Screen, frames: list[bytes], app: App) -> None:
    """Never both at work; and however they fall, never more than one record of the visit."""
    stored: set[str] = set()
    for _ in range(20):
        with ThreadPoolExecutor(3) as pool:
            heard = list(pool.map(screen.send, frames))
        assert {answer.status_code for answer in heard} <= {200, 429, 503}
        told = [answer.json() for answer in heard if answer.status_code == 200]
        stored |= {answer["attempt"] for answer in told if answer["hold_ms"]}
        if stored:
            break
    assert len(stored) == 1
    with store_of(app) as store:
        assert store.attempt(stored.pop()) is not None


# Who may ----------------------------------------------------------------------------------------------------------------


def test_an_open_kiosk_offers_no_names(screen: Screen) -> None:
    status = screen.ask("GET", "/api/kiosk/status").json()
    assert (status["state"], status["mode"], status["names"], status["retry_s"]) == ("ready", "face", False, None)
    assert {"site", "clock", "headline", "help"} <= set(status)
    assert screen.ask("GET", "/api/kiosk/people?q=ei").status_code == 403


@pytest.mark.usefixtures("app")
def test_paired_screens_only(folder: Path, model_dir: Path, frames: list[bytes]) -> None:
    """A second process on the same database."""
    with serving(folder, model_dir, ATTEND_KIOSK_ACCESS="paired") as closed, closing(Screen(closed)) as stranger:
        until(lambda: answers(closed, "/readyz"), closed, 120)
        assert stranger.send(frames[0]).status_code == 401
        refused = stranger.send(frames[0])
        assert (refused.status_code, refused.json()["state"]) == (401, "unpaired")
        code = refused.json()["code"]
        assert code
        assert stranger.ask("GET", "/api/kiosk/status").json()["code"] == code
        for path in ("people?q=ei", f"attempt/{uuid.uuid4().hex}"):
            assert stranger.ask("GET", f"/api/kiosk/{path}").status_code == 401

        with closing(Screen(closed, paired(closed, "front-door").cookies)) as screen:
            assert screen.ask("GET", "/api/kiosk/status").json()["names"] is True
            (found,) = screen.ask("GET", "/api/kiosk/people?q=ei").json()
            assert (set(found), found["name"]) == ({"id", "name", "group"}, NAME)
            assert screen.ask("GET", "/api/kiosk/people?q=COL").json() == [found]
            for nothing in ("e", "", "N-", "lle", "%25%25", "zz"):
                assert screen.ask("GET", f"/api/kiosk/people?q={nothing}").json() == []
            screen.claim = f"id:{found['id']}"
            # Already, where another test's check-in is less than a minute old.
            assert screen.until("checked-in or already", frames)["headline"] == NAME
