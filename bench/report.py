"""docs/benchmarks.md from the measured rows."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PACKAGES = (
    "numpy",
    "onnxruntime",
    "openvino",
    "numba",
    "opencv-python-headless",
    "torch",
    "facenet-pytorch",
    "dlib-bin",
    "faiss-cpu",
)

HEAD = """# Benchmarks

Written by `make bench`; bench/results.json holds the same rows. Both sides of a row do the same work on the same picture,
with the same options and 2 threads, one after the other in turn, after a warm-up; the figures are medians. A ratio above 1
means that we are quicker. FaceNet runs on random weights of the right shapes, which cost the same as the published ones.

"""

LIMITS = """
## What the machine can do at most

InceptionResnetV1 at 160x160 is 2.84 GFLOP, dlib's ResNet at 150x150 is 0.542 GFLOP. Where the limits were first measured (2
cores, 500 GFLOP/s in f32, 980 in bf16, 57 GB/s) that is at least 5.7 ms (2.9 in bf16) and 1.1 ms, and reading 100,000 x 512
float32 once takes 3.6 ms.
"""


def environment(version: Callable[[str], str]) -> str:
    """The machine and the versions, without its name."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    machine = f"- {model}, {os.cpu_count()} cores; {platform.system()}, Python {platform.python_version()}\n"
    return machine + "- " + ", ".join(f"{name} {version(name)}" for name in PACKAGES)


def markdown(rows: Sequence[dict[str, Any]], machine: str) -> str:
    """The whole page."""
    lines = [HEAD, "## Environment\n\n", machine, "\n\n## Figures\n\n"]
    lines.append("| work | ours, ms | peer | peer, ms | ratio | goal | |\n| --- | --- | --- | --- | --- | --- | --- |\n")
    missed = []
    for row in rows:
        peer_ms = "" if row["peer_ms"] is None else f"{row['peer_ms']:.2f}"
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
        goal = "" if row["goal"] is None else f"{row['goal']:g}"
        reached = "" if row["goal"] is None else ("reached" if row["ratio"] >= row["goal"] else "missed")
        cells = (row["name"], f"{row['ours_ms']:.2f}", row["peer"], peer_ms, ratio, goal, reached)
        lines.append("| " + " | ".join(cells) + " |\n")
        if reached == "missed":
            missed.append(row)
    notes = [row for row in rows if row.get("note")]
    if notes:
        lines.append("\n" + "".join(f"- {row['name']}: {row['note']}\n" for row in notes))
    if missed:
        lines.append("\n## Missed\n\n")
        lines += [f"- {row['name']}: {row['ratio']:.2f} instead of {row['goal']:g}.\n" for row in missed]
    return "".join([*lines, LIMITS])
