"""The charts of the office: quiet, of fixed height, with one sentence that says the same in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt
import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Sequence

HEIGHT_PX = 200
NOW_LABEL_PX = 16  # room above the bars for the word "Now"


@dataclass(frozen=True, slots=True)
class Palette:
    """The theme's colours that a chart needs (docs/office.md shows where they are used)."""

    accent: str
    second: str
    text: str
    muted: str
    border: str


LIGHT = Palette(accent="#2550C8", second="#B85C00", text="#14181F", muted="#565E6C", border="#DDE1E7")
DARK = Palette(accent="#8FB0FF", second="#FFB074", text="#EDF0F5", muted="#A6AFBD", border="#2E3641")


def palette() -> Palette:
    """The one of the visitor's theme."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def quiet(chart: Any, colours: Palette, *, top: int = 4) -> Any:
    """The chart without frame, title or legend, on the page's own ground, with grid lines for values alone.

    Args:
        chart: what is drawn.
        colours: of the theme.
        top: room above it for words, pixels.
    """
    return (
        chart.configure(background="transparent", font="Inter, system-ui, sans-serif", padding={"top": top, "left": 2})
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=colours.muted,
            labelFontSize=13,
            gridColor=colours.border,
            domain=False,
            ticks=False,
            labelPadding=8,
            titleColor=colours.muted,
            titleFontWeight="normal",
        )
    )


def arrivals(quarters: Sequence[tuple[str, int]], now: tuple[str, float] | None, colours: Palette) -> Any:
    """People by quarter hour of arrival.

    Args:
        quarters: ``("08:30", 14)`` for every quarter from opening to closing.
        now: the quarter that it is, and how far into it (0 to 1); None where the day is not today.
        colours: of the theme.
    """
    data = [{"t": label, "people": count} for label, count in quarters]
    labels = [label for label, _ in quarters]
    most = max([count for _, count in quarters], default=0)
    x = alt.X(
        "t:O",
        sort=None,
        title=None,
        scale=alt.Scale(domain=labels, paddingInner=0.12, paddingOuter=0.06),
        axis=alt.Axis(values=[one for one in labels if one.endswith(":00")], labelAngle=0, labelOverlap=True, grid=False),
    )
    y = alt.Y(
        "people:Q",
        title=None,
        scale=alt.Scale(domain=[0, max(most, 4)], nice=True),
        axis=alt.Axis(tickMinStep=1, tickCount=4, format="d"),
    )
    bars = (
        alt.Chart(inline(data))
        .mark_bar(cornerRadiusEnd=2, color=colours.accent)
        .encode(x=x, y=y, tooltip=[alt.Tooltip("t:O", title="From"), alt.Tooltip("people:Q", title="People")])
    )
    chart: Any = bars
    if now is not None and now[0] in labels:
        at = alt.Chart(inline([{"t": now[0], "word": "Now"}]))
        place = alt.X("t:O", sort=None, scale=alt.Scale(domain=labels), bandPosition=now[1])
        rule = at.mark_rule(color=colours.text, strokeDash=[3, 4]).encode(x=place)
        late = labels.index(now[0]) > 0.85 * len(labels)  # the word stays inside the chart
        word = at.mark_text(
            align="right" if late else "left", dx=-6 if late else 6, baseline="top", color=colours.text, fontWeight=600
        ).encode(x=place, y=alt.value(-NOW_LABEL_PX + 2), text="word:N")
        chart = bars + rule + word
    return quiet(chart.properties(height=HEIGHT_PX), colours)


def inline(values: list[dict[str, Any]]) -> Any:
    """Rows that stand in the chart itself."""
    return alt.Data(values=values)  # type: ignore[no-untyped-call]  # Altair types its charts, not its data


def arrivals_sentence(quarters: Sequence[tuple[str, int]]) -> str:
    """What the chart shows, in words."""
    total = sum(count for _, count in quarters)
    if not total:
        return "Arrivals by quarter hour: nobody yet."
    label, most = max(quarters, key=lambda quarter: quarter[1])
    people = "person" if total == 1 else "people"
    return f"Arrivals by quarter hour: {total} {people}; most, {most}, in the quarter hour from {label}."
