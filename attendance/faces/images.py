"""Bytes of a picture -> upright RGB pixels, with the limits enforced before anything is decoded.

JPEG goes through OpenCV's libjpeg-turbo, measured at 1.4 to 2.0 ms for 640x480 against Pillow's 2.2 to 2.8 and equal to it
in every pixel; PNG, WebP, and JPEG in CMYK go through Pillow, HEIC through libheif. Nothing is registered or switched
globally, so any number of threads may decode at once.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
import pillow_heif
from PIL import Image

from attendance.errors import ImageUnreadableError
from attendance.faces.containers import Container, Format, damaged, exif_orientation, inspect

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# The smallest face that the detector can find, so a picture below it can hold none.
MIN_SIDE_PX = 20
# libjpeg-turbo decodes at a half, a quarter and an eighth by leaving out high DCT frequencies.
_REDUCED = {
    1: cv2.IMREAD_COLOR_RGB,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
# What libraries raise on broken files, by their documentation and by mutating 50,000 of them; each becomes ``damaged``.
# AssertionError and AttributeError: Pillow on a palette picture without its palette, with and without python -O.
_LIBRARY_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
# Entropy-coded bytes without a marker among them; see _ends_early.
_FILLER = bytes((73 * i + 41) % 255 for i in range(4096))


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes:
        image: uint8 RGB, shape (H, W, 3), upright, contiguous.
        scale: pixels of the full-size picture for each pixel of ``image``: 1.0, 2.0, 4.0 or 8.0.
        width_px: of the full-size upright picture.
        height_px: of the full-size upright picture.
        format: what the bytes were.
    """

    image: NDArray[np.uint8]
    scale: float
    width_px: int
    height_px: int
    format: Format


def decode(data: bytes, *, max_bytes: int, max_pixels: int, reduce_to_px: int | None = None) -> Picture:
    """Decode a JPEG, PNG, WebP or HEIC picture; of an animation the first frame. Transparency is laid over white.

    Args:
        data: the file's bytes; what it is called does not matter.
        max_bytes: more bytes than this are refused unread.
        max_pixels: a header that claims more pixels than this is refused before anything is decoded.
        reduce_to_px: where given, the picture is decoded at 1/2, 1/4 or 1/8 of its size as long as its shorter side stays
            at least this many pixels.

    Raises:
        ImageUnreadableError: its ``reason`` says why. A picture that is cut off is never returned half grey.
    """
    if len(data) > max_bytes:
        raise ImageUnreadableError(
            f"The picture has {len(data):,} bytes; at most {max_bytes:,} are read.", reason="too_many_bytes"
        )
    container = inspect(data)
    try:
        return _decode(container, max_pixels, reduce_to_px)
    except (Image.DecompressionBombError, MemoryError) as error:  # Pillow's own limit, where max_pixels is above it
        raise ImageUnreadableError("The picture has too many pixels.", reason="too_many_pixels") from error
    except (cv2.error, *_LIBRARY_ERRORS) as error:
        raise damaged("it cannot be decoded") from error


def _decode(container: Container, max_pixels: int, reduce_to_px: int | None) -> Picture:
    if container.format == "HEIC":
        image, orientation = _decode_heic(container, max_pixels), 1
    else:
        width, height = container.width_px, container.height_px
        _check_size(width, height, max_pixels)
        if container.format == "JPEG" and container.channels != 4:
            factor = _factor(width, height, reduce_to_px)
            return _picture(_decode_jpeg(container, factor), container.orientation, factor, width, height, "JPEG")
        image, orientation = _decode_pillow(container, max_pixels)
    height, width = image.shape[:2]
    factor = _factor(width, height, reduce_to_px)
    return _picture(_shrink(image, factor), orientation, factor, width, height, container.format)


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ImageUnreadableError(
            f"The picture is {width:,} x {height:,} pixels; at most {max_pixels:,} are read.", reason="too_many_pixels"
        )
    if min(width, height) < MIN_SIDE_PX:
        raise ImageUnreadableError(
            f"The picture is {width} x {height} pixels; each side needs at least {MIN_SIDE_PX}.", reason="too_small"
        )


def _factor(width: int, height: int, reduce_to_px: int | None) -> int:
    if reduce_to_px is None:
        return 1
    return next((factor for factor in (8, 4, 2) if min(width, height) // factor >= reduce_to_px), 1)


def _decode_jpeg(container: Container, factor: int) -> NDArray[np.uint8]:
    def read(data: bytes) -> NDArray[np.uint8]:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _REDUCED[factor] | cv2.IMREAD_IGNORE_ORIENTATION)
        if image is None:
            raise damaged("it cannot be decoded")
        # The reduced modes give BGR only.
        return cast("NDArray[np.uint8]", image if factor == 1 else cv2.cvtColor(image, cv2.COLOR_BGR2RGB))

    image = read(container.data)
    expected = (-(-container.height_px // factor), -(-container.width_px // factor), 3)
    if image.shape != expected:
        raise damaged("its size is not what its header says")
    if (image[-8:, -8:] == 128).all() and _ends_early(container, image, read):
        raise damaged("a part of it is missing")
    return image


def _ends_early(container: Container, image: NDArray[np.uint8], read: Callable[[bytes], NDArray[np.uint8]]) -> bool:
    """Whether pixels are missing although the end marker is there, as a broken transfer or camera leaves it.

    libjpeg fills missing blocks with middle grey (128) and only warns, so a picture that ends in that grey is decoded once
    more with further data before its end marker: bytes after the last block are ignored, missing blocks would use them.
    """
    data, end = container.data, container.end
    return not np.array_equal(image, read(data[:end] + _FILLER + data[end:]))


def _decode_pillow(container: Container, max_pixels: int) -> tuple[NDArray[np.uint8], int]:
    with Image.open(io.BytesIO(container.data), formats=(container.format,)) as picture:
        _check_size(*picture.size, max_pixels)
        image = _rgb(picture)
        exif = picture.info.get("exif")
    return image, exif_orientation(exif) if isinstance(exif, bytes) else container.orientation


def _decode_heic(container: Container, max_pixels: int) -> NDArray[np.uint8]:
    """HEIF turns pictures by its own properties, which libheif obeys; EXIF's value is not to be used on top."""
    heif = pillow_heif.open_heif(container.data, convert_hdr_to_8bit=True)
    width, height = heif.size
    _check_size(width, height, max_pixels)
    return _rgb(heif.to_pillow())


def _rgb(picture: Image.Image) -> NDArray[np.uint8]:
    if picture.mode.startswith("I"):  # 16 bits of grey; Pillow's own conversion would cut them off at 255
        grey = (np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if picture.has_transparency_data:
        layers = picture.convert("RGBA")
        white = Image.new("RGBA", layers.size, "white")
        return np.array(Image.alpha_composite(white, layers).convert("RGB"))
    return np.array(picture.convert("RGB"))


def _shrink(image: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    if factor == 1:
        return image
    height, width = (side // factor for side in image.shape[:2])
    whole = image[: height * factor, : width * factor]  # so that each pixel is the mean of factor x factor whole ones
    return cast("NDArray[np.uint8]", cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA))


def _picture(image: NDArray[np.uint8], orientation: int, factor: int, width: int, height: int, kind: Format) -> Picture:
    if orientation >= 5:
        width, height = height, width
    return Picture(np.ascontiguousarray(_upright(image, orientation)), float(factor), width, height, kind)


def _upright(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo EXIF's orientation (CIPA DC-008, tag 0x0112)."""
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    flip_x = orientation in {2, 3, 6, 7}
    flip_y = orientation in {3, 4, 7, 8}
    return image[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
