"""Numbers, days and times as sentences and tables give them: one form everywhere, in the site's zone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime, tzinfo

# The same forms for columns that are sorted as times, in the words of Streamlit's tables.
MOMENT_COLUMN, MOMENT_COLUMN_S = "D MMM YYYY, HH:mm", "D MMM YYYY, HH:mm:ss"


def day_text(day: date) -> str:
    """``2 Mar 2026``; of a moment, the day that it has in its own zone."""
    return f"{day.day} {day:%b %Y}"


def moment_text(moment: datetime, zone: tzinfo | None, *, seconds: bool = False) -> str:
    """``2 Mar 2026, 09:02`` at the site, to the second where that is asked for."""
    there = moment.astimezone(zone)
    return f"{day_text(there)}, {there:%H:%M:%S}" if seconds else f"{day_text(there)}, {there:%H:%M}"


def moment_cell(moment: datetime, zone: tzinfo | None) -> datetime:
    """The site's time as a table takes it: without a zone, so that no browser moves it into its own."""
    return moment.astimezone(zone).replace(tzinfo=None)


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
