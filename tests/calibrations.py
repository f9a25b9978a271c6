"""People whose templates' distances are known, and what a calibration measures on them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from attendance.faces.gallery import MatrixGallery
from attendance.services.calibrate import Calibration, compared
from attendance.services.measurement import Setting
from tests.fakes import House

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.domain.model import Person


def everybody(house: House, people: int = 8, pictures: int = 5) -> None:
    """Enrol Person A, Person B, … with so many pictures each."""
    for person in range(people):
        house.add(f"Person {chr(65 + person)}", person, pictures)


def calibrated(folder: Path, pictures: int, threshold: float) -> Iterator[Calibration]:
    """The calibration of eight people at a threshold; its store is closed at the end; for a fixture."""
    house = House(folder)
    numbers, new = itertools.count(), house.enrol.new_person

    def numbered(*args: Any, **kwargs: Any) -> Person:
        return replace(new(*args, **kwargs), person_id=f"{next(numbers):032x}")

    house.enrol.new_person = numbered  # type: ignore[method-assign]  # people are drawn by their ids: the same intervals each time
    everybody(house, pictures=pictures)
    model = replace(house.engine.model, threshold=threshold)
    made = compared(house.real_store, Setting(model, house.engine.options.as_dict(), 0.05), MatrixGallery)
    assert isinstance(made, Calibration)
    yield made
    house.real_store.close()
