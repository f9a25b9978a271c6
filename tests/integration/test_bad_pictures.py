"""Broken, hostile and odd files against the real decoders: a clear error or a whole picture, never a crash or a hang.

The decoders are C libraries, so a crash would end the process: the mutations run in a process of their own, with bounded
memory and a watchdog, and its death is the test's failure.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from attendance.errors import ImageUnreadableError
from attendance.faces.images import decode

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
REASONS = {"empty", "unknown_format", "damaged", "too_many_bytes", "too_many_pixels", "too_small"}
LIMITS = {"max_bytes": 2_000_000, "max_pixels": 4_000_000}


def save(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(picture).save(out, **options)
    else:
        picture.save(out, kind, **options)
    return out.getvalue()


def small_files() -> dict[str, bytes]:
    """One small file of every kind that the decoders treat differently."""
    from skimage import data

    picture = Image.fromarray(np.ascontiguousarray(data.astronaut()[50:146, 170:282]))
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [picture.rotate(angle) for angle in (30, 60)]
    return {
        "jpeg": save(picture, "JPEG", exif=exif),
        "jpeg progressive": save(picture, "JPEG", progressive=True),
        "jpeg restart": save(picture, "JPEG", restart_marker_rows=1),
        "jpeg cmyk": save(picture.convert("CMYK"), "JPEG"),
        "jpeg grey": save(picture.convert("L"), "JPEG"),
        "png": save(picture, "PNG", exif=exif),
        "png palette": save(picture.convert("P"), "PNG"),
        "png alpha": save(picture.convert("RGBA"), "PNG"),
        "png animated": save(picture, "PNG", save_all=True, append_images=frames),
        "webp": save(picture, "WEBP", exif=exif),
        "webp lossless": save(picture, "WEBP", lossless=True),
        "webp animated": save(picture, "WEBP", save_all=True, append_images=frames),
        "heic": save(picture, "HEIC", quality=60),
        "heic grey": save(picture.convert("L"), "HEIC", quality=60),
    }


FILES = small_files()


def attempt(data: bytes, reduce_to_px: int | None = None) -> NDArray[np.uint8] | None:
    """The pixels, or None where the file is refused; anything else is a failure."""
    try:
        picture = decode(data, reduce_to_px=reduce_to_px, **LIMITS)
    except ImageUnreadableError as error:
        if error.reason not in REASONS:
            raise AssertionError(f"{error.reason} is no documented reason") from error
        return None
    assert picture.image.dtype == np.uint8
    assert picture.image.shape[2] == 3
    assert picture.width_px * picture.height_px <= LIMITS["max_pixels"]
    return picture.image


@pytest.mark.parametrize("name", FILES)
def test_cut_off_at_every_tenth_byte(name: str) -> None:
    data = FILES[name]
    whole = attempt(data)
    assert whole is not None
    for length in [*range(0, len(data), 10), *range(len(data) - 9, len(data))]:
        cut = attempt(data[:length])
        assert cut is None or np.array_equal(cut, whole), f"{name} cut at {length} of {len(data)} gave another picture"


@pytest.mark.faces
def test_a_photograph_cut_off_gives_no_picture(faces_dir: Path) -> None:
    data = (faces_dir / "people" / "p02" / "2.jpg").read_bytes()
    for length in range(0, len(data) - 1, 10):
        assert attempt(data[:length]) is None


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".heic"])
def test_what_a_file_is_called_does_not_matter(name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture{suffix}"
    path.write_bytes(FILES[name])
    assert attempt(path.read_bytes()) is not None


@pytest.mark.parametrize(
    "start", [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\x00\x00\x00WEBPVP8 ", b"\x00\x00\x00\x18ftypheic"]
)
def test_one_format_behind_another_ones_first_bytes(start: bytes) -> None:
    for data in FILES.values():
        attempt(start + data)
        attempt(start + data[len(start) :])


def test_a_palette_picture_without_its_palette_is_damaged() -> None:
    data = FILES["png palette"]
    start = data.index(b"PLTE") - 4
    length = int.from_bytes(data[start : start + 4], "big")
    assert attempt(data[:start] + data[start + 12 + length :]) is None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes(data: bytes) -> None:
    attempt(data)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(FILES)),
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=0, max_size=8), st.integers(0, 64)), max_size=6
    ),
    st.sampled_from([None, 30]),
)
def test_bytes_replaced_removed_and_inserted(
    name: str, edits: list[tuple[float, bytes, int]], reduce_to_px: int | None
) -> None:
    data = FILES[name]
    for share, new, removed in edits:
        at = int(share * len(data))
        data = data[:at] + new + data[at + removed :]
    attempt(data, reduce_to_px)


MUTATE = """
import faulthandler, importlib.util, json, random, resource, sys
count, seed, limit_mb = (int(value) for value in sys.argv[2:5])
spec = importlib.util.spec_from_file_location("bad_pictures", sys.argv[1])
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
files = list(tests.FILES.values())
for data in files:
    tests.attempt(data)  # every library is loaded before memory is bounded
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + limit_mb * 2**20,) * 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rng = random.Random(seed)
whole = 0
for n in range(count):
    faulthandler.dump_traceback_later(20, exit=True)  # the watchdog: one small file may never take that long
    data = bytearray(files[n % len(files)])
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(min(len(data), rng.choice((64, 400, len(data)))) or 1)
        kind = rng.randrange(5)
        if kind == 0: data[at] ^= 1 << rng.randrange(8)
        elif kind == 1: data[at] = rng.choice((0, 1, 127, 128, 255))
        elif kind == 2: data[at:at + 4] = rng.choice((bytes(4), b"\\xff" * 4, b"\\x7f\\xff\\xff\\xff", rng.randbytes(4)))
        elif kind == 3: del data[at:at + rng.randrange(1, 200)]
        else:
            other = rng.choice(files)
            start = rng.randrange(len(other))
            data[at:at] = other[start:start + rng.randrange(1, 200)]
        if not data: data = bytearray(1)
    whole += tests.attempt(bytes(data), rng.choice((None, None, 30))) is not None
faulthandler.cancel_dump_traceback_later()
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps({"inputs": count, "decoded": whole, "grown_mb": grown / 1024}))
"""


def mutate(count: int, seed: int, timeout_s: float) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", MUTATE, __file__, str(count), str(seed), "700"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OPENCV_LOG_LEVEL": "SILENT"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return report


def test_mutated_files_neither_crash_nor_hang_nor_grow() -> None:
    report = mutate(1_500, seed=1, timeout_s=120)
    assert report["inputs"] == 1_500
    assert report["grown_mb"] < 250


@pytest.mark.slow
def test_many_mutated_files_neither_crash_nor_hang_nor_grow() -> None:
    for seed in (2, 3):
        report = mutate(10_000, seed, timeout_s=280)
        assert report["inputs"] == 10_000
        assert 0 < report["decoded"] < 10_000  # some damage cannot be seen, some must be
        assert report["grown_mb"] < 250
