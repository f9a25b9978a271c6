"""Pages without a browser: what Streamlit's AppTest leaves behind is put back."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest makes the page ``__main__`` and leaves it so; a process spawned by a later test would run that page."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
