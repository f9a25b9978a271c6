"""Pictures in: the limits, what is refused, and what is damaged."""

from __future__ import annotations

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attendance.errors import ImageUnreadableError
from attendance.faces import images
from attendance.faces.images import decode
from tests.picture_files import MAX_PIXELS, close, read, reason, save


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
