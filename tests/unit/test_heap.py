"""What lives as long as the server is no work for the garbage collector; what became garbage since is found all the same."""

from __future__ import annotations

import gc
import tomllib
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from streamlit import config

from attendance.api import heap

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


class Part:
    """Something that only a collection can free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def test_what_is_there_is_left_out_of_later_collections() -> None:
    part = Part()
    assert any(one is part for one in gc.get_objects())
    heap.settle()
    assert not any(one is part for one in gc.get_objects())
    assert gc.get_freeze_count() > 10_000


def test_what_became_garbage_is_freed_when_the_application_is_made_anew() -> None:
    part = Part()
    seen = weakref.ref(part)
    heap.settle()
    del part
    gc.collect()
    assert seen() is not None, "no collection looks there"
    heap.settle()
    assert seen() is None


def test_what_came_later_is_collected_as_ever() -> None:
    heap.settle()
    seen = weakref.ref(Part())
    gc.collect()
    assert seen() is None


def test_streamlit_asks_for_no_full_collection_after_each_run_of_a_script() -> None:
    assert config.get_option("runner.postScriptGC") is not None, "Streamlit calls it something else by now"
    set_here = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert set_here["runner"]["postScriptGC"] is False
