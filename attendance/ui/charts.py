"""The charts of the office: quiet, of fixed height, with one sentence that says the same in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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


def look(colours: Palette, *, top: int = 4) -> dict[str, Any]:
    """Vega-Lite's ``config``: no frame, the page's own ground, grid lines for values alone.

    Args:
        colours: of the theme.
        top: room above the chart for words, pixels.
    """
    return {
        "background": "transparent",
        "font": "Inter, system-ui, sans-serif",
        "padding": {"top": top, "left": 2},
        "view": {"stroke": None},
        "axis": {
            "labelColor": colours.muted,
            "labelFontSize": 13,
            "gridColor": colours.border,
            "domain": False,
            "ticks": False,
            "labelPadding": 8,
            "titleColor": colours.muted,
            "titleFontWeight": "normal",
        },
    }


def arrivals(quarters: Sequence[tuple[str, int]], now: tuple[str, float] | None, colours: Palette) -> dict[str, Any]:
    """People by quarter hour of arrival, as Vega-Lite has it: the page that is opened first waits for no Altair.

    Args:
        quarters: ``("08:30", 14)`` for every quarter from opening to closing.
        now: the quarter that it is, and how far into it (0 to 1); None where the day is not today.
        colours: of the theme.
    """
    labels = [label for label, _ in quarters]
    most = max([count for _, count in quarters], default=0)
    hours = {"values": [one for one in labels if one.endswith(":00")], "labelAngle": 0, "labelOverlap": True, "grid": False}
    quarter = {"field": "t", "type": "ordinal"}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": [{"t": label, "people": count} for label, count in quarters]},
            "mark": {"type": "bar", "cornerRadiusEnd": 2, "color": colours.accent},
            "encoding": {
                "x": quarter
                | {"sort": None, "title": None, "axis": hours}
                | {"scale": {"domain": labels, "paddingInner": 0.12, "paddingOuter": 0.06}},
                "y": {
                    "field": "people",
                    "type": "quantitative",
                    "title": None,
                    "scale": {"domain": [0, max(most, 4)], "nice": True},
                    "axis": {"tickMinStep": 1, "tickCount": 4, "format": "d"},
                },
                "tooltip": [
                    quarter | {"title": "From"},
                    {"field": "people", "type": "quantitative", "title": "People"},
                ],
            },
        }
    ]
    if now is not None and now[0] in labels:
        late = labels.index(now[0]) > 0.85 * len(labels)  # the word stays inside the chart
        data = {"values": [{"t": now[0], "word": "Now"}]}
        place = quarter | {"sort": None, "scale": {"domain": labels}, "bandPosition": now[1]}
        side = {"align": "right", "dx": -6} if late else {"align": "left", "dx": 6}
        word = {"type": "text", "baseline": "top", "color": colours.text, "fontWeight": 600} | side
        layers += [
            {
                "data": data,
                "mark": {"type": "rule", "color": colours.text, "strokeDash": [3, 4]},
                "encoding": {"x": place},
            },
            {
                "data": data,
                "mark": word,
                "encoding": {
                    "x": place,
                    "y": {"value": -NOW_LABEL_PX + 2},
                    "text": {"field": "word", "type": "nominal"},
                },
            },
        ]
    return {"layer": layers, "height": HEIGHT_PX, "config": look(colours)}


def arrivals_sentence(quarters: Sequence[tuple[str, int]]) -> str:
    """What the chart shows, in words."""
    total = sum(count for _, count in quarters)
    if not total:
        return "Arrivals by quarter hour: nobody yet."
    label, most = max(quarters, key=lambda quarter: quarter[1])
    people = "person" if total == 1 else "people"
    return f"Arrivals by quarter hour: {total} {people}; most, {most}, in the quarter hour from {label}."
