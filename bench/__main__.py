"""`make bench`: measure everything, print the table, write bench/results.json and docs/benchmarks.md.

`python -m bench detection` measures one part anew.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measure import SHARE
from bench.report import environment, figure, gflops, markdown

ROOT = Path(__file__).resolve().parent.parent
FACES = ROOT.parent / "shared" / "faces"
RESULTS = ROOT / "bench" / "results.json"
MODULES = ("detection", "embedding", "end_to_end", "gallery", "records", "tracking", "export")


def measured(names: list[str]) -> list[dict[str, Any]]:
    """The rows of these modules, in order, each with its module as ``part``."""
    found: list[dict[str, Any]] = []
    for name in names:
        sys.stderr.write(f"measuring {name} …\n")
        rows = import_module(f"bench.{name}").rows(FACES)
        found += [{**(row if isinstance(row, dict) else row.as_dict()), "part": name} for row in rows]
    return found


def written(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What stands in results.json, with these rows in the place of those of their parts, and written down."""
    there = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    again = {row["part"] for row in rows}
    kept = [row for row in there if row.get("part") not in again]
    whole = [row for name in MODULES for row in (*kept, *rows) if row.get("part") == name]
    RESULTS.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    return whole


def main() -> int:
    """Run the modules that are named on the command line, or all of them; a part is written down as a whole, or not at all:
    one that was made smaller (``ATTEND_BENCH_SHARE``) is not.
    """
    if not FACES.is_dir():
        sys.stderr.write(f"The measurements need the face pictures in {FACES.name}/ beside the repository.\n")
        return 1
    names = sys.argv[1:] or list(MODULES)
    rows = measured(names)
    table = Table("work", "ours", "peer", "peer's", "ratio", "goal")
    for row in rows:
        peer_ms = "" if row["peer_ms"] is None else figure(row["peer_ms"])
        ratio = "" if row["ratio"] is None else figure(row["ratio"])
        table.add_row(row["name"], figure(row["ours_ms"]), row["peer"], peer_ms, ratio, str(row["goal"] or ""))
    Console(width=160).print(table)
    if SHARE == 1:
        text = markdown(written(rows), environment(metadata.version), gflops())
        (ROOT / "docs" / "benchmarks.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
