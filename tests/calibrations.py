"""People whose templates' distances are known, and what a calibration measures on them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from attendance.faces.gallery import MatrixGallery
from attendance.services.calibrate import Calibration, compared
from attendance.services.measurement import Setting
from tests.fakes import House

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def everybody(house: House, people: int = 8, pictures: int = 5) -> None:
    """Enrol Person A, Person B, … with so many pictures each."""
    for person in range(people):
        house.add(f"Person {chr(65 + person)}", person, pictures)


def calibrated(folder: Path, pictures: int, threshold: float) -> Iterator[Calibration]:
    """The calibration of eight people at a threshold; its store is closed at the end; for a fixture."""
    house = House(folder)
    everybody(house, pictures=pictures)
    model = replace(house.engine.model, threshold=threshold)
    made = compared(house.real_store, Setting(model, house.engine.options.as_dict(), 0.05), MatrixGallery)
    assert isinstance(made, Calibration)
    yield made
    house.real_store.close()
