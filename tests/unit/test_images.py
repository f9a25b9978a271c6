"""Pictures in: every format, mode and orientation, and large ones decoded smaller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from attendance.faces.containers import exif_orientation
from tests.picture_files import close, read, save

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.mark.parametrize(
    ("kind", "options", "mean"),
    [
        ("JPEG", {"quality": 95}, 3),
        ("JPEG", {"quality": 95, "progressive": True}, 3),
        ("JPEG", {"quality": 95, "restart_marker_rows": 1}, 3),
        ("JPEG", {"quality": 95, "subsampling": 0}, 3),
        ("PNG", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 90}, 4),
        ("HEIC", {"quality": 90}, 4),
    ],
)
def test_every_format(portrait: Image.Image, kind: str, options: dict[str, Any], mean: float) -> None:
    picture = read(save(portrait, kind, **options))
    assert picture.format == kind
    assert (picture.width_px, picture.height_px, picture.scale) == (180, 240, 1.0)
    assert picture.image.dtype == np.uint8
    assert picture.image.flags.c_contiguous
    assert close(picture.image, np.asarray(portrait), mean)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIC"])
def test_grey(portrait: Image.Image, kind: str) -> None:
    grey = portrait.convert("L")
    image = read(save(grey, kind, quality=95)).image
    assert close(image, np.asarray(grey.convert("RGB")), 4)
    assert (image[..., 0] == image[..., 2]).all()


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "I;16"])
def test_modes_of_png(portrait: Image.Image, mode: str) -> None:
    if mode == "I;16":
        stored = Image.fromarray(np.asarray(portrait.convert("L")).astype(np.uint16) * 257)
        expected = portrait.convert("L").convert("RGB")
    else:
        stored = portrait.convert(mode)
        expected = stored.convert("RGB")
    assert close(read(save(stored, "PNG")).image, np.asarray(expected), 0)


def test_sixteen_bits_of_colour(portrait: Image.Image) -> None:
    deep = np.asarray(portrait)[..., ::-1].astype(np.uint16) * 257
    ok, data = cv2.imencode(".png", deep)
    assert ok
    assert close(read(data.tobytes()).image, np.asarray(portrait), 1)


def test_palette_with_a_transparent_colour_lies_over_white() -> None:
    stored = Image.new("P", (30, 30), 1)
    stored.putpalette([255, 0, 0, 0, 0, 0])
    image = read(save(stored, "PNG", transparency=1)).image
    assert (image == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "HEIC"])
def test_alpha_lies_over_white(portrait: Image.Image, kind: str) -> None:
    clear = portrait.convert("RGBA")
    clear.putalpha(Image.fromarray(np.where(np.arange(180) < 90, 0, 255).astype(np.uint8)[None].repeat(240, 0)))
    image = read(save(clear, kind, **({"lossless": True} if kind == "WEBP" else {"quality": 95}))).image
    assert image[:, :80].min() > 240
    assert close(image[:, 100:], np.asarray(portrait)[:, 100:], 4)


def test_cmyk(portrait: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    turned = portrait.transpose(Image.Transpose.ROTATE_180).convert("CMYK")
    image = read(save(turned, "JPEG", quality=95, exif=exif, comment=b"a note")).image
    assert close(image, np.asarray(portrait.convert("CMYK").convert("RGB")), 4)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIC"])
def test_orientation(portrait: Image.Image, kind: str, orientation: int) -> None:
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    turned = portrait if stored is None else portrait.transpose(stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "HEIC":
        turned.info["exif"] = exif.tobytes()
        data = save(turned, kind, quality=95)
    else:
        data = save(turned, kind, exif=exif, quality=95)
    picture = read(data)
    assert (picture.width_px, picture.height_px) == (180, 240)
    assert close(picture.image, np.asarray(portrait), 5)


@given(st.binary(max_size=80), st.sampled_from([b"Exif\x00\x00II*\x00", b"Exif\x00\x00MM\x00*", b"II*\x00", b""]))
def test_a_broken_exif_block_is_no_reason_to_fail(body: bytes, start: bytes) -> None:
    assert 1 <= exif_orientation(start + body) <= 8


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animated_gives_the_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue", "green")]
    data = save(frames[0], kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {}))
    assert (read(data).image == (255, 0, 0)).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(("limit", "scale"), [(None, 1), (1000, 1), (251, 1), (250, 2), (126, 2), (125, 4), (40, 8)])
def test_reduced(astronaut: NDArray[np.uint8], kind: str, limit: int | None, scale: int) -> None:
    stored = Image.fromarray(astronaut[:500])
    picture = read(save(stored, kind, quality=95), reduce_to_px=limit)
    assert picture.scale == scale
    assert (picture.width_px, picture.height_px) == (512, 500)
    assert min(picture.image.shape[:2]) >= min(limit or 0, 500)
    back = cv2.resize(picture.image, (512, 500), interpolation=cv2.INTER_LINEAR)
    assert close(back, np.asarray(stored), 4 * scale)


def test_reduced_and_turned(astronaut: NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = read(save(Image.fromarray(astronaut[:400]), "JPEG", exif=exif), reduce_to_px=100)
    assert picture.image.shape == (128, 100, 3)
    assert (picture.width_px, picture.height_px, picture.scale) == (400, 512, 4.0)
