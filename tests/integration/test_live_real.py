"""Agreement over frames with the real engine: people who take turns, a stranger, a street."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

from attendance.bootstrap import Application, build
from attendance.services.enrol import NamedPicture
from attendance.settings import load
from tests.kiosk_screen import frames_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.services.live_answer import LiveAnswer

pytestmark = pytest.mark.faces
ENROLLED = ("p01", "p02", "p03")


@pytest.fixture(scope="module")
def people(faces_dir: Path) -> dict[str, list[bytes]]:
    """Frames of each person's first picture, each a little otherwise."""
    found = {}
    for folder in sorted((faces_dir / "people").iterdir()):
        with Image.open(folder / "1.jpg") as picture:
            found[folder.name] = frames_of(np.asarray(picture.convert("RGB")), 10)
    return found


@pytest.fixture
def application(tmp_path: Path, model_dir: Path, faces_dir: Path) -> Iterator[Application]:
    """Three people are enrolled, with other pictures than those that the camera sees."""
    url = f"sqlite:///{tmp_path}/attendance.db"
    made = build(load(store_url=url, model_dir=model_dir, offline=True, accelerate=False, embedder="dlib"))
    for name in ENROLLED:
        paths = sorted((faces_dir / "people" / name).glob("*.jpg"))[1:3]
        made.enrol.enrol(name, [NamedPicture(path.name, path.read_bytes()) for path in paths])
    yield made
    made.close()


def look(application: Application, *frames: bytes) -> list[LiveAnswer]:
    return [application.live.look("view", frame, device="door") for frame in frames]


def test_three_frames_of_one_person(application: Application, people: dict[str, list[bytes]]) -> None:
    for name in ENROLLED:
        answers = look(application, *people[name][:4])
        assert [answer.screen.state for answer in answers] == ["deciding", "deciding", "checked-in", "checked-in"]
        assert answers[-1].screen.headline == name
    assert [attempt.person_name for attempt in application.store.attempts()] == list(ENROLLED)


def test_people_who_take_turns_are_never_mixed(application: Application, people: dict[str, list[bytes]]) -> None:
    """Always in the same place, so that their faces alone tell them apart."""
    everybody = [frames for _, frames in sorted(people.items())]
    for number in range(10):
        answers = look(application, *(frames[number] for frames in everybody))
        assert all(answer.agreed <= 1 for answer in answers)
    assert list(application.store.attempts()) == []


def test_strangers(application: Application, people: dict[str, list[bytes]]) -> None:
    for name in sorted(people.keys() - set(ENROLLED)):
        assert look(application, *people[name])[-1].screen.state == "not-recognised"
    attempts = list(application.store.attempts())
    assert len(attempts) == len(people) - len(ENROLLED)
    assert all(attempt.person_id is None and attempt.distance_l2 is not None for attempt in attempts)


def test_a_street_full_of_people_leaves_nothing(application: Application, faces_dir: Path) -> None:
    film = cv2.VideoCapture(str(faces_dir / "video" / "two_people.mp4"))
    states = set()
    while film.grab():
        if int(film.get(cv2.CAP_PROP_POS_FRAMES)) % 5 == 0:
            small = cv2.resize(film.retrieve()[1], (1280, 720), interpolation=cv2.INTER_AREA)
            states.add(look(application, cv2.imencode(".jpg", small)[1].tobytes())[0].screen.state)
    film.release()
    assert "several" in states
    assert not states & {"checked-in", "already", "not-recognised"}
    assert list(application.store.attempts()) == []
