"""Drafts over a reload: taken over by the next page of the same session, never by anybody else, and not for ever."""

from __future__ import annotations

import pytest

from attendance.services.enrol import NamedPicture
from attendance.ui.register_draft import Done, Draft, Taken
from attendance.ui.register_kept import KEPT_FOR_S, MOST, MOST_BYTES, Drafts
from tests.store_makers import person


class Pages:
    """Which pages are open, and what time it is."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.now = 0.0
        self.drafts = Drafts(self.open.__contains__, lambda: self.now)


@pytest.fixture
def pages() -> Pages:
    return Pages()


def test_a_reload_goes_on_with_the_draft_and_a_second_tab_does_not(pages: Pages) -> None:
    draft = Draft(name="Maria", step=2)
    pages.open.add("before")
    pages.drafts.hold("ada", "before", draft)
    assert pages.drafts.take_over("ada", "tab") is None
    pages.open.remove("before")
    assert pages.drafts.take_over("grace", "other") is None, "another operator's session"
    assert pages.drafts.take_over("ada", "after") is draft
    pages.open.add("after")
    assert pages.drafts.take_over("ada", "third") is None, "it is there once"


def test_of_several_that_were_left_the_newest_comes_back_first(pages: Pages) -> None:
    for number, page in enumerate(["one", "two"]):
        pages.now = number
        pages.drafts.hold("ada", page, Draft(name=page))
    names = []
    for page in ("three", "four"):
        taken = pages.drafts.take_over("ada", page)
        assert taken is not None
        pages.open.add(page)
        names.append(taken.name)
    assert names == ["two", "one"]


def test_what_is_empty_stored_old_or_too_large_is_not_kept(pages: Pages) -> None:
    large = Draft(name="Large", taken={0: Taken(NamedPicture("Front", bytes(MOST_BYTES + 1)))})
    stored = Draft(name="Stored", done=Done(person("Stored"), 4, None, is_new=True))
    for draft in (Draft(), large, stored):
        pages.drafts.hold("ada", "page", Draft(name="before"))
        pages.drafts.hold("ada", "page", draft)
        assert pages.drafts.take_over("ada", "next") is None
    pages.drafts.hold("ada", "page", Draft(name="Old"))
    pages.now = KEPT_FOR_S + 1
    assert pages.drafts.take_over("ada", "next") is None


def test_only_so_many_are_kept(pages: Pages) -> None:
    for number in range(MOST + 5):
        pages.drafts.hold(f"operator {number}", f"page {number}", Draft(name="x"))
    assert pages.drafts.take_over("operator 4", "next") is None
    assert pages.drafts.take_over("operator 5", "next") is not None
