"""Numbers as sentences and tables give them."""

from __future__ import annotations

import math


def share(rate: float) -> str:
    """A rate in per cent, with three figures at most: ``2.94 %``; what is below a millionth is said to be so."""
    percent = rate * 100
    if 0 < percent < 1e-4:
        return "under 0.0001 %"
    if percent in {0, 100}:
        return f"{percent:.0f} %"
    digits = max(0, 2 - math.floor(math.log10(percent)))
    text = f"{percent:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def distance(threshold: float) -> str:
    """A threshold to a thousandth, rounded down so that it keeps what was promised of it."""
    return f"{math.floor(threshold * 1000 + 1e-6) / 1000:.3f}"


def number(count: int) -> str:
    """With thousands apart."""
    return f"{count:,}"


def many(count: int, thing: str, several: str = "") -> str:
    """``1 search``, ``26 searches``."""
    return f"{number(count)} {thing if count == 1 else several or f'{thing}s'}"
