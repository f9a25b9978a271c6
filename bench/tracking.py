"""What tracking costs: `make bench` has its rows; `python -m bench.tracking [ui|cost|kills|speed]` prints some of them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from bench.measure import Row

PARTS = ("cost", "speed", "kills", "ui")


def rows(_faces: Path | None = None) -> list[Row]:
    """All of them; no pictures are needed."""
    return [row for part in PARTS for row in import_module(f"bench.tracking_{part}").rows()]


def main() -> int:
    """Measure the parts that are named, and print them."""
    for part in sys.argv[1:] or PARTS:
        for row in import_module(f"bench.tracking_{part}").rows():
            peer = "" if row.peer_ms is None else f" {row.peer_ms:.3f}"
            goal = "" if row.goal is None else f"; {'reached' if (row.ratio or 0) >= row.goal else 'MISSED'}"
            print(f"{row.name}: {row.ours_ms:.3f} ({row.peer}{peer}){goal}. {row.note}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
