"""A made-up office of forty people and ten days, for pictures of the pages: drawn faces, invented names, seeded chance."""

from __future__ import annotations

import hashlib
import io
import random
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from PIL import Image, ImageDraw

from attendance.domain.model import (
    Attempt,
    Decision,
    Mode,
    NewReference,
    Outcome,
    Person,
    PersonStatus,
    Quality,
    Reason,
    Review,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attendance.store.base import Store

FIRST = [
    "Maria",
    "Tom",
    "Ingrid",
    "Marek",
    "Priya",
    "Jonas",
    "Leila",
    "Noah",
    "Sofia",
    "Kwame",
    "Amara",
    "Mia",
    "Erik",
    "Anna",
    "Zoë",
    "Łukasz",
    "Nadia",
    "Omar",
    "Iris",
    "Yuki",
]
LAST = [
    "Lindqvist",
    "Achebe",
    "Solheim",
    "Dvořák",
    "Raman",
    "Weber",
    "Haddad",
    "Jensen",
    "Marino",
    "Boateng",
    "Okafor",
    "Berg",
    "Nowak",
    "Ito",
    "Moreau",
    "Rossi",
]
GROUPS = ["Design", "Workshop", "Office", "Front desk"]
REFUSALS = [Reason.NO_MATCH, Reason.NO_FACE, Reason.TOO_DARK]
MODEL_DIMENSION = 128


PLACES = ["Europe/Stockholm", "America/New_York", "Pacific/Honolulu", "Pacific/Auckland", "Asia/Tokyo", "Asia/Kolkata"]


def where_it_is_day(now: datetime) -> str:
    """A time zone in which most of a day's people have come and the day still goes on."""
    return next(place for place in PLACES if 11 <= now.astimezone(ZoneInfo(place)).hour < 18)


def fill(store: Store, model_id: str, zone: ZoneInfo, now: datetime, *, people: int = 40, days: int = 10) -> None:
    """Put people and their check-ins of the last days into an empty store; today's end at ``now``."""
    chance = random.Random(4)
    everybody = [_add(store, number, model_id, chance) for number in range(people)]
    present = [person for person in everybody if person.status is PersonStatus.ACTIVE]
    attempts = 0
    for back in range(days, -1, -1):
        day = now.astimezone(zone).date() - timedelta(days=back)
        for person in present:
            if chance.random() < 0.25:
                continue
            at = datetime.combine(day, time(8, 30), zone) + timedelta(
                minutes=chance.gauss(0, 35), seconds=chance.randrange(60)
            )
            if at > now:
                continue
            attempts += 2
            if chance.random() < 0.06:
                refused = _attempt(
                    attempts, at - timedelta(seconds=30), day, None, chance, model_id, chance.choice(REFUSALS)
                )
                store.settle(refused, 60.0)
            store.settle(_attempt(attempts + 1, at, day, person, chance, model_id, Reason.MATCH), 60.0)
    for attempt in list(store.attempts(limit=40))[::17]:
        if attempt.decision is Decision.ACCEPTED:
            store.set_review(attempt.attempt_id, Review.DISPUTED, actor="kiosk", at_utc=attempt.at_utc, expected=Review.NONE)


def _add(store: Store, number: int, model_id: str, chance: random.Random) -> Person:
    name = f"{FIRST[number % len(FIRST)]} {LAST[(number * 7 + number // len(FIRST)) % len(LAST)]}"
    status = PersonStatus.INACTIVE if number % 17 == 5 else PersonStatus.ACTIVE
    created = datetime(2026, 3, 2, 8, tzinfo=UTC)
    person = Person(f"{number:032x}", name, str(1000 + number), GROUPS[number % len(GROUPS)], status, created)
    references = []
    for picture in range(1 + number % 4):
        data = drawn_face(number, picture)
        measures = Quality(chance.choice([220.0, 180.0, 96.0]), 900.0, 128.0, 42.0, 0.03, 2.0, 0.58, 0.0, 1.0, 0.99)
        vector = _embedding(number * 10 + picture)
        references.append(NewReference(data, hashlib.sha256(data).hexdigest(), vector, measures))
    return store.add_person(person, references, model_id)


def _embedding(seed: int) -> NDArray[np.float32]:
    """Of picture ``seed % 10`` of person ``seed // 10``: two pictures of one about 0.4 apart, two people about 0.7."""
    chance = np.random.default_rng(seed)
    vector = 1.25 * _unit(np.random.default_rng(12_345)) + 0.48 * _unit(np.random.default_rng(seed // 10 + 500))
    return (vector + (0.16 + 0.4 * chance.random() ** 3) * _unit(chance)).astype(np.float32)


def _unit(chance: np.random.Generator) -> NDArray[np.float64]:
    vector = chance.standard_normal(MODEL_DIMENSION)
    return np.asarray(vector / np.linalg.norm(vector), np.float64)


def _attempt(
    number: int, at: datetime, day: date, person: Person | None, chance: random.Random, model_id: str, reason: Reason
) -> Attempt:
    accepted = person is not None
    return Attempt(
        attempt_id=f"demo{number:012d}",
        at_utc=at.astimezone(UTC).replace(microsecond=0),
        mode=Mode.IDENTIFICATION,
        decision=Decision.ACCEPTED if accepted else Decision.REJECTED,
        reason=reason,
        outcome=Outcome.NONE,
        records=True,
        entered_name=person.name if person else None,
        person_id=person.person_id if person else None,
        person_name=person.name if person else None,
        nearest_person_id=person.person_id if person else None,
        distance_l2=round(chance.uniform(0.25, 0.5) if accepted else chance.uniform(0.55, 0.9), 3),
        runner_up_l2=0.8,
        threshold=0.53,
        model_id=model_id,
        parameters={"min_confidence": 0.9, "ambiguity_ratio": 0.05},
        source="kiosk",
        device="door",
        site="main",
        day=day.isoformat(),
    )


def drawn_face(person: int, picture: int) -> bytes:
    """A drawing of somebody who does not exist, JPEG, 360x360."""
    looks, mood = random.Random(person), random.Random(person * 31 + picture)
    image = Image.new("RGB", (480, 360), tuple(mood.randrange(150, 230) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    skin = looks.choice([(224, 172, 140), (141, 85, 54), (255, 219, 172), (198, 134, 66)])
    coat, hair = (tuple(looks.randrange(20, 120) for _ in range(3)) for _ in range(2))
    x = 240 + mood.randrange(-12, 12)
    draw.ellipse((x - 150, 280, x + 150, 480), fill=coat)
    draw.ellipse((x - 75, 80, x + 75, 280), fill=skin)
    draw.pieslice((x - 80, 70, x + 80, 230), 180, 360, fill=hair)
    for eye in (x - 30, x + 30):
        draw.ellipse((eye - 12, 165, eye + 12, 180), fill="white")
        draw.ellipse((eye - 5, 167, eye + 5, 178), fill=(30, 30, 40))
    draw.line((x, 180, x - 6, 215), fill=(120, 80, 60), width=4)
    draw.arc((x - 28, 215, x + 28, 250), 20, 160, fill=(150, 50, 60), width=6)
    out = io.BytesIO()
    image.crop((60, 0, 420, 360)).save(out, "JPEG", quality=85)
    return out.getvalue()
