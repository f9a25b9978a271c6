"""Pictures in: every format, mode and orientation, the limits, and what is refused."""

from __future__ import annotations

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from attendance.errors import ImageUnreadableError
from attendance.faces import images
from attendance.faces.containers import exif_orientation
from attendance.faces.images import Picture, decode

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BYTES, MAX_PIXELS = 20_000_000, 64_000_000


def read(data: bytes, reduce_to_px: int | None = None, max_pixels: int = MAX_PIXELS) -> Picture:
    return decode(data, max_bytes=MAX_BYTES, max_pixels=max_pixels, reduce_to_px=reduce_to_px)


def save(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    if kind == "HEIC":
        heif = pillow_heif.HeifFile()  # from_pillow would turn the pixels itself and write the orientation as well
        heif.add_frombytes(picture.mode, picture.size, picture.tobytes()).info.update(picture.info)
        heif.save(out, **options)
    else:
        picture.save(out, kind, **options)
    return out.getvalue()


def reason(data: bytes, **options: Any) -> str:
    with pytest.raises(ImageUnreadableError) as caught:
        read(data, **options)
    assert str(caught.value).endswith(".")
    return caught.value.reason


def close(a: NDArray[np.uint8], b: NDArray[np.uint8], mean: float) -> bool:
    return a.shape == b.shape and float(np.abs(a.astype(int) - b.astype(int)).mean()) <= mean


@pytest.fixture(scope="module")
def portrait(astronaut: NDArray[np.uint8]) -> Image.Image:
    """Not square, so that a wrong turn shows in the shape."""
    return Image.fromarray(astronaut[:240, 130:310])


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


def test_limits_hold_before_anything_is_decoded(astronaut_jpeg: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(images, "_decode_jpeg", never)
    monkeypatch.setattr(images, "_decode_pillow", never)
    assert reason(astronaut_jpeg, max_pixels=512 * 512 - 1) == "too_many_pixels"
    with pytest.raises(ImageUnreadableError) as caught:
        decode(astronaut_jpeg, max_bytes=len(astronaut_jpeg) - 1, max_pixels=MAX_PIXELS)
    assert caught.value.reason == "too_many_bytes"
    assert reason(huge_png()) == "too_many_pixels"
    assert reason(huge_webp()) == "too_many_pixels"
    assert reason(huge_jpeg(astronaut_jpeg)) == "too_many_pixels"


def test_the_limit_itself_is_allowed(astronaut_jpeg: bytes) -> None:
    decode(astronaut_jpeg, max_bytes=len(astronaut_jpeg), max_pixels=512 * 512)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def huge_png(side: int = 30_000) -> bytes:
    rows = zlib.compress(bytes(10_000_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def huge_webp() -> bytes:
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16_000_000).to_bytes(3, "little") * 2
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def huge_jpeg(jpeg: bytes) -> bytes:
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", 65_000, 65_000) + jpeg[at + 4 :]


def test_a_png_whose_rows_are_missing_is_damaged() -> None:
    small = huge_png(5_000)
    assert reason(small) == "damaged"


def test_a_text_bomb_costs_nothing(portrait: Image.Image) -> None:
    plain = save(portrait, "PNG")
    bomb = chunk(b"zTXt", b"k\x00\x00" + zlib.compress(bytes(200_000_000), 9))
    profile = chunk(b"iCCP", b"k\x00\x00" + zlib.compress(bytes(50_000_000), 9))
    assert close(read(plain[:33] + bomb + profile + plain[33:]).image, np.asarray(portrait), 0)


def test_a_jpeg_with_endless_scans_is_refused(portrait: Image.Image) -> None:
    data = save(portrait, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    assert reason(data[:last] + data[last:-2] * 200 + b"\xff\xd9") == "damaged"


@pytest.mark.parametrize("size", [(1, 1), (1, 30_000), (19, 300)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_too_small(size: tuple[int, int], kind: str) -> None:
    assert reason(save(Image.new("RGB", size), kind)) == "too_small"


def test_too_small_heic() -> None:
    assert reason(save(Image.new("RGB", (18, 64)), "HEIC")) == "too_small"


def test_too_large_heic(portrait: Image.Image) -> None:
    assert reason(save(portrait, "HEIC"), max_pixels=1_000) == "too_many_pixels"


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "PDF"])
def test_other_formats_are_not_opened(portrait: Image.Image, kind: str) -> None:
    assert reason(save(portrait, kind)) == "unknown_format"


def test_what_is_no_picture() -> None:
    assert reason(b"") == "empty"
    for data in (
        b"\x00",
        b"hello",
        b"%!PS-Adobe",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xff\xd8",
        b"PK\x03\x04" * 99,
    ):
        assert reason(data) == "unknown_format"
    for data in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x00\x00\x00\x00WEBP", b"\x00\x00\x00\x10ftypheic" + bytes(4)):
        assert reason(data) == "damaged"


def test_a_jpeg_in_which_a_part_is_missing_but_not_its_end(astronaut_jpeg: bytes) -> None:
    for share in (0.2, 0.5, 0.9):
        cut = int(len(astronaut_jpeg) * share)
        assert reason(astronaut_jpeg[:cut] + b"\xff\xd9") == "damaged"
        assert reason(astronaut_jpeg[:cut] + b"\xff\xd9", reduce_to_px=100) == "damaged"


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_picture_that_really_ends_in_middle_grey_is_whole(options: dict[str, Any]) -> None:
    stored = np.full((100, 100, 3), 128, np.uint8)
    stored[:50, :50] = 30
    assert close(read(save(Image.fromarray(stored), "JPEG", **options)).image, stored, 2)


def test_bytes_behind_the_end_do_no_harm(astronaut_jpeg: bytes) -> None:
    assert (read(astronaut_jpeg + b"appended film " * 1000).image == read(astronaut_jpeg).image).all()


def test_a_flipped_bit_in_a_png_is_noticed(portrait: Image.Image) -> None:
    data = bytearray(save(portrait, "PNG"))
    data[len(data) // 2] ^= 4
    assert reason(bytes(data)) == "damaged"


def test_many_threads_at_once(portrait: Image.Image) -> None:
    files = [
        save(portrait.rotate(angle), kind, quality=90) for angle in (0, 90, 180) for kind in ("JPEG", "PNG", "WEBP", "HEIC")
    ]
    alone = [read(data).image for data in files]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda n: read(files[n % len(files)]).image, range(240)))
    assert all((image == alone[n % len(files)]).all() for n, image in enumerate(together))
