"""docs/benchmarks.md from the measured rows."""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.measure import milliseconds

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

Written by `make bench`; bench/results.json holds the same rows, those of a part from one run. Both sides of a row do the
same work on the same picture, with the same options and 2 threads, one after the other in turn, after a warm-up; the
figures are medians. A ratio above 1 means that we are quicker. FaceNet runs on random weights of the right shapes, which
cost the same as the published ones.

"""

FACENET_GFLOP, DLIB_GFLOP = 2.84, 0.542  # InceptionResnetV1 at 160x160, dlib's ResNet at 150x150
EMBEDDING = "embedding alone, FaceNet f32"


def gflops(threads: int = 2, side: int = 1536) -> float:
    """What a large float32 matrix product reaches on this machine: a bound for every network."""
    import torch

    torch.set_num_threads(threads)
    a = torch.rand(side, side)
    best = min(milliseconds(lambda: a @ a) for _ in range(20))
    return 2 * side**3 / best / 1e6


def environment(version: Callable[[str], str]) -> str:
    """The machine and the versions, without its name."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    machine = f"- {model}, {os.cpu_count()} cores; {platform.system()}, Python {platform.python_version()}\n"
    return machine + "- " + ", ".join(f"{name} {version(name)}" for name in PACKAGES)


def markdown(rows: Sequence[dict[str, Any]], machine: str, peak: float) -> str:
    """The whole page."""
    lines = [HEAD, "## Environment\n\n", machine, "\n\n## Figures\n\n"]
    lines.append("| work | ours, ms (memory: MB) | peer | peer, ms | ratio | goal | |\n")
    lines.append("| --- | --- | --- | --- | --- | --- | --- |\n")
    missed = []
    for row in rows:
        peer_ms = "" if row["peer_ms"] is None else figure(row["peer_ms"])
        ratio = "" if row["ratio"] is None else figure(row["ratio"])
        goal = "" if row["goal"] is None else f"{row['goal']:g}"
        reached = "" if row["goal"] is None else ("reached" if row["ratio"] >= row["goal"] else "missed")
        cells = (row["name"], figure(row["ours_ms"]), row["peer"], peer_ms, ratio, goal, reached)
        lines.append("| " + " | ".join(cells) + " |\n")
        if reached == "missed":
            missed.append(row)
    notes = [row for row in rows if row.get("note")]
    if notes:
        lines.append("\n" + "".join(f"- {row['name']}: {row['note']}\n" for row in notes))
    if missed:
        lines.append("\n## Missed\n\n")
        lines += [f"- {row['name']}: {row['ratio']:.2f} instead of {row['goal']:g}.\n" for row in missed]
        lines.append(_why(rows))
    return "".join([*lines, _limits(peak)])


def figure(value: float) -> str:
    """Two decimals; of less than one, two digits that say something."""
    return f"{value:,.2f}" if value >= 1 or not value else f"{value:.{max(2, 1 - math.floor(math.log10(value)))}f}"


def _limits(peak: float) -> str:
    facenet, dlib = (1e3 * gflop / peak for gflop in (FACENET_GFLOP, DLIB_GFLOP))
    return (
        "\n## What the machine can do at most\n\n"
        f"A large float32 matrix product with 2 threads reaches {peak:.0f} GFLOP/s here. At that rate InceptionResnetV1\n"
        f"({FACENET_GFLOP} GFLOP at 160x160) takes {facenet:.1f} ms and dlib's ResNet ({DLIB_GFLOP} GFLOP) {dlib:.1f}. "
        "Where the goals were set (500 GFLOP/s in f32,\n980 in bf16, 57 GB/s) it is 5.7 (2.9 in bf16) and 1.1 ms, and one "
        "read of 100,000 x 512 float32 takes 3.6 ms.\n"
    )


def _why(rows: Sequence[dict[str, Any]]) -> str:
    """What bounds the rows with FaceNet, in this run's own figures."""
    row = next((row for row in rows if row["name"] == EMBEDDING), None)
    if row is None:
        return ""
    rate = FACENET_GFLOP / row["ours_ms"] * 1e3
    return (
        f"\nFaceNet's network alone takes {row['ours_ms']:.1f} ms of each decision in ONNX Runtime ({rate:.0f} GFLOP/s), "
        f"only {row['ratio']:.1f} times less\nthan in facenet-pytorch: that bounds its rows.\n"
    )
