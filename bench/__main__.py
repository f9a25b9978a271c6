"""`make bench`: measure everything, print the table, write bench/results.json and docs/benchmarks.md."""

from __future__ import annotations

import json
import sys
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.report import environment, figure, gflops, markdown

ROOT = Path(__file__).resolve().parent.parent
FACES = ROOT.parent / "shared" / "faces"
MODULES = ("detection", "embedding", "end_to_end", "gallery", "records", "tracking", "export")


def measured(names: list[str]) -> list[dict[str, Any]]:
    """The rows of these modules, in order."""
    found: list[dict[str, Any]] = []
    for name in names:
        sys.stderr.write(f"measuring {name} …\n")
        rows = import_module(f"bench.{name}").rows(FACES)
        found += [row if isinstance(row, dict) else row.as_dict() for row in rows]
    return found


def main() -> int:
    """Run the modules that are named on the command line, or all of them; only a whole run is written down."""
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
    if not sys.argv[1:]:
        (ROOT / "bench" / "results.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        text = markdown(rows, environment(metadata.version), gflops())
        (ROOT / "docs" / "benchmarks.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
