"""Files of pictures, made and read, for the tests of the decoder."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pillow_heif
import pytest

from attendance.errors import ImageUnreadableError
from attendance.faces.images import Picture, decode

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

MAX_BYTES, MAX_PIXELS = 20_000_000, 64_000_000


def read(data: bytes, reduce_to_px: int | None = None, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode it with the limits that are shipped."""
    return decode(data, max_bytes=MAX_BYTES, max_pixels=max_pixels, reduce_to_px=reduce_to_px)


def save(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """The file's bytes, of any kind that is read."""
    out = io.BytesIO()
    if kind == "HEIC":
        heif = pillow_heif.HeifFile()  # from_pillow would turn the pixels itself and write the orientation as well
        heif.add_frombytes(picture.mode, picture.size, picture.tobytes()).info.update(picture.info)
        heif.save(out, **options)
    else:
        picture.save(out, kind, **options)
    return out.getvalue()


def reason(data: bytes, **options: Any) -> str:
    """Why it is refused."""
    with pytest.raises(ImageUnreadableError) as caught:
        read(data, **options)
    assert str(caught.value).endswith(".")
    return caught.value.reason


def close(a: NDArray[np.uint8], b: NDArray[np.uint8], mean: float) -> bool:
    """Whether they differ by no more than ``mean`` levels a pixel, on average."""
    return a.shape == b.shape and float(np.abs(a.astype(int) - b.astype(int)).mean()) <= mean
