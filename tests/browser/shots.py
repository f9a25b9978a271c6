"""Pictures of pages, for those who look at them: sizes, themes, and a whole page as one file in build/screenshots."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from PIL import Image

from tests.real_server import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

OUT = ROOT / "build" / "screenshots"
SIZES = {"1440": (1440, 900), "1024": (1024, 768), "820": (820, 1180), "390": (390, 844)}
README = (1200, 750)
SCHEMES = ["light", "dark"]
LONGEST_PX = 4000
DARK = "matchMedia('(prefers-color-scheme: dark)').matches"
HEIGHT = "Math.max(document.documentElement.scrollHeight, document.querySelector('[data-testid=stMain]')?.scrollHeight ?? 0)"
# The table's scroller is as wide as its columns: what a person would have to push sideways.
WIDTH = "Math.max(document.documentElement.scrollWidth, document.querySelector('[data-testid=stMain]')?.scrollWidth ?? 0)"


@contextmanager
def visit(chromium: Browser, size: str, scheme: str) -> Iterator[Page]:
    """Somebody with a screen of this size and theme, in a profile of their own."""
    width, height = README if size == "readme" else SIZES[size]
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]  # light or dark
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def shot(page: Page, name: str, *, whole: bool = True) -> Path:
    """Keep a picture, and say where; a page that scrolls sideways fails.

    Args:
        page: as it is to be seen.
        name: of the file, without size and theme.
        whole: all of the page rather than what the screen shows of it.
    """
    size = page.viewport_size
    assert size is not None
    assert page.evaluate(WIDTH) <= size["width"], f"{name} scrolls sideways"
    height = min(int(page.evaluate(HEIGHT)), LONGEST_PX)
    if whole and height > size["height"]:
        page.set_viewport_size({"width": size["width"], "height": height})
        page.wait_for_timeout(400)  # charts and tables are drawn anew
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}-{size['width']}{'-dark' if page.evaluate(DARK) else ''}.png"
    page.screenshot(path=path)
    page.set_viewport_size(size)
    return path


def smaller(picture: Path, target: Path) -> None:
    """The same picture with 256 colours, a third of the bytes."""
    with Image.open(picture) as whole:
        whole.convert("RGB").quantize(256).save(target, optimize=True)
