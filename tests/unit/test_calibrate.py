"""Error rates of what is enrolled: a real database and gallery, templates whose distances are known."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import TYPE_CHECKING, cast
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from attendance.domain.model import PersonStatus, Review
from attendance.faces.gallery import MatrixGallery
from attendance.services import comparisons as comparisons_module
from attendance.services.calibrate import NOTHING, calibrate
from attendance.services.calibration_charts import charts, standalone
from attendance.services.calibration_report import html
from attendance.services.comparisons import Collector, compare_all, expected_comparisons, templates_of
from attendance.services.error_report import ErrorReport, TooLittle
from attendance.services.measurement import Setting
from attendance.services.searches import search_all
from tests.fakes import House, embedding, picture

if TYPE_CHECKING:
    from pathlib import Path

    from attendance.store.base import Store


def measured(house: House, *, threshold: float | None = None, attempts: bool = True, target: float = 0.001) -> ErrorReport:
    found = answer(house, threshold=threshold, attempts=attempts, target=target)
    assert isinstance(found, ErrorReport)
    return found


def answer(
    house: House, *, threshold: float | None = None, attempts: bool = True, target: float = 0.001
) -> ErrorReport | TooLittle:
    model = house.engine.model if threshold is None else replace(house.engine.model, threshold=threshold)
    setting = Setting(model, house.engine.options.as_dict(), 0.05)
    store = cast("Store", house.store)
    return calibrate(store, setting, MatrixGallery, target_fpir=target, attempts=attempts, clock=house.clock)


def everybody(house: House, people: int = 5, pictures: int = 3) -> None:
    for person in range(people):
        house.add(f"Person {chr(65 + person)}", person, pictures)


def raw(people: int = 5, pictures: int = 3) -> tuple[list[float], list[float]]:
    """The distances as anybody would compute them from the templates."""
    rows = [(person, embedding(picture(person, variant))) for person in range(people) for variant in range(pictures)]
    kinds: tuple[list[float], list[float]] = ([], [])
    for (a, first), (b, second) in itertools.combinations(rows, 2):
        kinds[a != b].append(float(np.linalg.norm(first.astype(np.float64) - second)))
    return kinds


@pytest.mark.parametrize("threshold", [0.2, 0.3, 0.54, 1.3, 1.42])
def test_the_rates_are_those_of_the_raw_distances(house: House, threshold: float) -> None:
    everybody(house)
    report = measured(house, threshold=threshold)
    genuine, impostor = raw()
    assert (report.fnmr.of, report.fmr.of) == (len(genuine), len(impostor)) == (15, 90)
    assert report.fnmr.errors == sum(distance > threshold for distance in genuine)
    assert report.fmr.errors == sum(distance <= threshold for distance in impostor)


def test_what_cannot_be_said_is_not_said(house: House) -> None:
    everybody(house)
    report = measured(house)
    assert [one.fnmr for one in report.at_fmr] == [None, None, None]
    assert report.at_fmr[0].sentence == "Can't be said with 90 impostor comparisons: 300 or more are needed."
    assert report.target is not None
    assert report.target.threshold is None
    assert "can't be said with 15 searches" in report.target.sentence


def test_where_it_can_be_said_the_threshold_meets_the_target(house: House) -> None:
    everybody(house, people=8, pictures=5)
    report = measured(house, target=0.1)
    assert report.target is not None
    assert report.target.threshold is not None
    assert measured(house, threshold=report.target.threshold).identification.fpir.rate <= 0.1  # type: ignore[union-attr]
    at = report.at_fmr[0]
    assert at.threshold is not None
    assert sum(distance <= at.threshold for distance in raw(8, 5)[1]) <= 0.01 * len(raw(8, 5)[1])


def test_a_threshold_that_is_too_loose_is_told_with_the_number_of_people(house: House) -> None:
    everybody(house, people=8, pictures=5)
    loose = measured(house, threshold=1.45, target=0.1).target
    assert loose is not None
    assert loose.warning
    assert "too loose already" in loose.growth
    assert "at 8 people" in loose.growth
    tight = measured(house, threshold=0.54, target=0.1).target
    assert tight is not None
    assert not tight.warning
    assert tight.people_until is not None
    assert tight.people_until >= 8


def test_a_picture_left_out_is_searched_for_as_the_product_does(house: House) -> None:
    """With one picture left out of three, the person's distance is the smaller of the nearest and of the mean."""
    everybody(house, people=3)
    report = measured(house, threshold=0.25)
    missed = 0
    for person, variant in itertools.product(range(3), range(3)):
        rows = [embedding(picture(person, other)) for other in range(3) if other != variant]
        mean = np.mean(rows, axis=0)
        mean *= np.mean([np.linalg.norm(row) for row in rows]) / np.linalg.norm(mean)
        missed += int(min(np.linalg.norm(row - embedding(picture(person, variant))) for row in [*rows, mean]) > 0.25)
    assert report.identification is not None
    assert report.identification.fnir is not None
    assert (report.identification.fnir.errors, report.identification.fnir.of) == (missed, 9)
    assert report.identification.searched_among == 2


def test_the_same_picture_is_never_compared_with_itself() -> None:
    one, two, three = (embedding(picture(1, variant)) for variant in range(3))
    other = embedding(picture(2, 0))
    templates = templates_of(
        [("a", "x", one), ("a", "x", one), ("a", "y", two), ("b", "z", three), ("a", "z", three), ("b", "w", other)]
    )
    assert templates.left_out == {"same_picture_twice": 1, "same_picture_of_two_people": 2}
    assert sorted(templates.digests) == ["w", "x", "y"]
    genuine, impostor = Collector(2, 10, pairs=False), Collector(2, 10, pairs=True)
    compare_all(templates, genuine, impostor)
    assert genuine.counted(1).distances.values.min() > 0.1
    assert expected_comparisons(templates) == (1, 2)


def test_a_template_that_cannot_be_is_left_out() -> None:
    good = embedding(picture(1, 0))
    templates = templates_of([("a", "x", good), ("a", "y", np.full_like(good, np.nan)), ("a", "z", np.zeros_like(good))])
    assert templates.left_out == {"unusable_template": 2}
    assert len(templates.owners) == 1


def test_inactive_people_are_not_measured(house: House) -> None:
    everybody(house)
    person = house.real_store.find_person("Person A")
    house.real_store.update_person(person.person_id, status=PersonStatus.INACTIVE)
    assert measured(house).data.people == 4


def test_reviewed_attempts_count_and_disputed_ones_do_not(house: House) -> None:
    everybody(house)
    for number, review in enumerate((Review.UPHELD, Review.VOID, Review.DISPUTED, None)):
        attempt = house.checkin.attempt(picture(number, 7)).attempt
        if review is not None:
            house.real_store.set_review(
                attempt.attempt_id, review, actor="operator", at_utc=house.clock(), expected=Review.NONE
            )
    report = measured(house)
    assert (report.fnmr.of, report.fmr.of) == (15 + 1, 90 + 1)
    assert report.fmr.errors == 1
    assert [(one.name, one.genuine, one.impostor, one.false_matches) for one in report.sources] == [
        ("references", 15, 90, 0),
        ("reviewed attempts", 1, 1, 1),
    ]
    assert "Reviewed attempts are among the comparisons" in report.notes[0]
    alone = measured(house, attempts=False)
    assert (alone.fnmr.of, alone.fmr.of) == (15, 90)
    assert alone.data.digest != report.data.digest


def test_too_little_is_told_in_a_sentence(house: House) -> None:
    assert answer(house) == NOTHING
    house.add("Ann", 1, 3)
    assert "two are needed" in cast("TooLittle", answer(house)).sentence
    house.real_store.remove_person(house.real_store.find_person("Ann").person_id)
    house.add("Bo", 2, 1)
    house.add("Cy", 3, 1)
    assert "nobody has two usable pictures" in cast("TooLittle", answer(house)).sentence


def test_blocks_and_histograms_give_what_exact_distances_give(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [(f"{p}", f"{p} {v}", embedding(picture(p, v))) for p in range(12) for v in range(3)]
    templates = templates_of(given)

    def both() -> tuple[Collector, Collector]:
        genuine, impostor = (
            Collector(12, count, pairs=kind)
            for kind, count in zip((False, True), expected_comparisons(templates), strict=True)
        )
        compare_all(templates, genuine, impostor)
        return genuine, impostor

    exact = [kind.counted(1) for kind in both()]
    monkeypatch.setattr(comparisons_module, "BLOCK", 5)
    monkeypatch.setattr(comparisons_module, "KEPT", 10)
    rounded = [kind.counted(1) for kind in both()]
    for before, after in zip(exact, rounded, strict=True):
        assert (before.distances.step, after.distances.step) == (0.0, 1e-4)
        assert len(before.distances) == len(after.distances)
        assert np.array_equal(before.by_person.bins, after.by_person.bins)
        wide = np.linspace(0, 2, 50)
        assert (after.distances.at_or_below(wide + 1e-4) >= before.distances.at_or_below(wide)).all()
        assert (after.distances.at_or_below(wide) <= before.distances.at_or_below(wide)).all()


def test_of_too_many_pictures_some_are_searched_for_and_the_gallery_is_whole_again() -> None:
    given = [(f"{p}", f"{p} {v}", embedding(picture(p, v))) for p in range(6) for v in range(3)]
    gallery = MatrixGallery("m", 128)
    found = search_all(templates_of(given), gallery, 0.05, most=7)
    assert (len(found.strangers.distances), len(found.mates.distances), found.searched, found.pictures) == (7, 7, 7, 18)
    assert (len(gallery), gallery.count_people()) == (18, 6)


def test_the_page_needs_nothing_else_and_its_charts_are_whole(house: House) -> None:
    everybody(house, people=6)
    report = measured(house, threshold=1.35)
    page = html([report])
    assert not re.search(r"<script|https?://(?!www\.w3\.org)|<link|url\(", page)
    assert "prefers-color-scheme:dark" in page
    assert 'lang="en"' in page
    assert "Can't be said with" in page.replace("&#x27;", "'")
    for name, drawn in charts(report).items():
        if drawn:
            tree = ET.fromstring(standalone(drawn))  # noqa: S314  our own
            assert tree.get("aria-label"), name
            assert "nan" not in drawn
    assert "Person" not in page, "no name of anybody is in the report"


def test_the_report_is_plain_values(house: House) -> None:
    everybody(house)
    document = measured(house).as_dict()
    assert document["measured"] is True
    assert len(document["curves"]["thresholds"]) == len(document["curves"]["fmr_high"])
    assert measured(house).metrics()["genuine_comparisons"] == 15
    assert "fnmr_at_fmr_1e-2" not in measured(house).metrics()


def test_the_same_pictures_enrolled_anew_give_the_same_intervals(tmp_path: Path) -> None:
    """Ids are drawn at each enrolment, and stores give people out by id."""
    reports = []
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
        house = House(tmp_path / name)
        everybody(house, people=7, pictures=4)
        reports.append(measured(house, threshold=0.28))
        house.real_store.close()
    once, again = reports
    assert once.fnmr.low < once.fnmr.rate < once.fnmr.high < 1
    assert (once.fnmr, once.fmr, once.equal, once.curves) == (again.fnmr, again.fmr, again.equal, again.curves)
    assert once.data.digest != again.data.digest, "it names the people by their ids"
