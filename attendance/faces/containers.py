"""What a picture file says of itself before anything is decoded: format, size, orientation, and whether it is all there.

Decoders allocate by what the header claims and some fill missing data with grey, so both are settled here, on the bytes
alone: a few microseconds for a JPEG from a webcam. Nothing here trusts a length, an offset or a count in the file.
Layouts: JPEG ITU-T T.81 annex B, EXIF CIPA DC-008 (TIFF 6.0), PNG W3C 2003 (ISO/IEC 15948), WebP RFC 9649, HEIF
ISO/IEC 23008-12 (boxes of ISO/IEC 14496-12).
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from attendance.errors import ImageUnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

Format = Literal["JPEG", "PNG", "WEBP", "HEIC"]

# A marker that ends entropy-coded data: not a stuffed FF 00, a restart marker or a fill byte (T.81 B.1.1.2 and B.1.1.5).
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15 without DHT, JPG and DAC
_NOTES = (frozenset(range(0xE0, 0xF0)) | {0xFE}) - {0xEE}  # application data and comments; Adobe's APP14 tells the colours
# Each scan of a progressive JPEG walks over the whole picture, so a small file with thousands of them hangs a decoder
# (libjpeg-turbo, "Two Issues with the JPEG Standard"). Encoders write about ten; one for each coefficient would be 64.
_MAX_SCANS = 100
# Encoders write pieces of 8 KB and more: 20 MB make 2,500. Far beyond that a file only costs time.
_MAX_CHUNKS = 50_000
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_PNG_KEPT = _PNG_CRITICAL | {b"tRNS", b"eXIf"}
# HEVC still images and sequences; mif1 and msf1 are the general brands of HEIF.
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


@dataclass(frozen=True, slots=True)
class Container:
    """What the file says.

    Attributes:
        format: by its first bytes, whatever it is called.
        width_px: as stored, before orientation; 0 where only the format's library can tell (HEIC).
        height_px: the same.
        data: the bytes to decode; of PNG and of JPEG in four colours, which Pillow reads, only what makes the picture.
        channels: colour components of a JPEG; 0 for other formats.
        orientation: EXIF's value 1 to 8 of a JPEG; 1 for other formats, whose libraries read it.
        end: offset of a JPEG's end marker in the file; else the length.
    """

    format: Format
    width_px: int
    height_px: int
    data: bytes
    channels: int = 0
    orientation: int = 1
    end: int = 0


def damaged(detail: str) -> ImageUnreadableError:
    """The error for a file that is cut off or broken."""
    return ImageUnreadableError(f"The picture is damaged: {detail}.", reason="damaged")


def inspect(data: bytes) -> Container:
    """Recognise a file by its first bytes and read its size.

    Raises:
        ImageUnreadableError: ``empty``, ``unknown_format`` or ``damaged``.
    """
    if not data:
        raise ImageUnreadableError("The picture is empty.", reason="empty")
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data.startswith(_PNG_SIGNATURE):
            return _png(data)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
        if data[4:8] == b"ftyp" and _is_heic(data):
            return _heic(data)
    except struct.error as error:
        raise damaged("it ends in the middle of its header") from error
    raise ImageUnreadableError("This is no JPEG, PNG, WebP or HEIC picture.", reason="unknown_format")


def exif_orientation(exif: bytes) -> int:
    """EXIF's orientation, 1 to 8; 1 where there is none or the block cannot be read (it then only lies on its side)."""
    tiff = exif.removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    if start + 2 > len(tiff):
        return 1
    (count,) = struct.unpack_from(order + "H", tiff, start)
    for at in range(start + 2, min(start + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind = struct.unpack_from(order + "HH", tiff, at)
        if tag == 0x0112:
            (value,) = struct.unpack_from(order + ("I" if kind == 4 else "H"), tiff, at + 8)
            return int(value) if 1 <= value <= 8 else 1
    return 1


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Marker code, and where the segment, its body and what follows begin; ends with the end marker (0xD9)."""
    at = 2
    for _ in range(_MAX_CHUNKS):
        marker = _MARKER.search(data, at)
        if marker is None:
            raise damaged("its end is missing")
        code, at = data[marker.start() + 1], marker.end()
        if code == 0xD9:
            yield code, marker.start(), at, at
            return
        if code in {0x01, 0xD8}:  # they stand alone
            continue
        (length,) = struct.unpack_from(">H", data, at)
        body, at = at + 2, at + length
        if length < 2 or at > len(data):
            raise damaged("its end is missing")
        yield code, marker.start(), body, at
    raise damaged("it is in far too many pieces")


def _jpeg(data: bytes) -> Container:
    size: tuple[int, int, int] | None = None
    scans, orientation, end = 0, 1, len(data)
    kept, behind = [], 0
    for code, start, body, after in _jpeg_segments(data):
        if code in _FRAMES and size is None:
            height, width, channels = struct.unpack_from(">xHHB", data, body)
            size = (width, height, channels)
        elif code == 0xDA:
            scans += 1
        elif code == 0xD9:
            end = start
        elif code in _NOTES:
            if code == 0xE1 and data.startswith(b"Exif\x00\x00", body):
                orientation = exif_orientation(data[body:after])
            kept.append(slice(behind, start))
            behind = after
    if size is None or scans == 0 or size[2] not in {1, 3, 4}:
        raise damaged("it holds no picture")
    if scans > _MAX_SCANS:
        raise damaged("it has far too many scans")
    if size[2] == 4:
        data = b"".join(data[part] for part in (*kept, slice(behind, end + 2)))
    return Container("JPEG", size[0], size[1], data, size[2], orientation, end)


def _png(data: bytes) -> Container:
    """Check every chunk that makes the picture, and leave the others (text, profiles, further frames) behind: what is not
    there cannot be a decompression bomb."""
    view, kept, at = memoryview(data), [_PNG_SIGNATURE], 8
    size: tuple[int, int] | None = None
    for _ in range(_MAX_CHUNKS):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise damaged("its end is missing")
        if kind in _PNG_CRITICAL and zlib.crc32(view[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise damaged("a checksum is wrong")
        if size is None:
            if kind != b"IHDR" or length != 13:
                raise damaged("its header is missing")
            size = struct.unpack_from(">II", data, at + 8)
        if kind in _PNG_KEPT:
            kept.append(data[at:end])
        if kind == b"IEND":
            clean = b"".join(kept)
            return Container("PNG", *size, clean, end=len(clean))
        at = end
    raise damaged("it is in far too many pieces")


def _webp(data: bytes) -> Container:
    (riff,) = struct.unpack_from("<I", data, 4)
    if riff + 8 > len(data):
        raise damaged("its end is missing")
    kind = data[12:16]
    if kind == b"VP8X":  # the canvas; width and height less one, 24 bits each
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8 ":  # a key frame's header: tag, start code, 14 bits each
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    elif kind == b"VP8L":  # signature, then 14 bits each, less one
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        raise damaged("it holds no picture")
    return Container("WEBP", width, height, data, end=len(data))


def _is_heic(data: bytes) -> bool:
    (length,) = struct.unpack_from(">I", data)
    brands = data[8:12] + data[16 : min(length, 256)]
    return any(brands[at : at + 4] in _HEIC_BRANDS for at in range(0, len(brands), 4))


def _heic(data: bytes) -> Container:
    """Only the outermost boxes are walked: a file that was cut off no longer holds its last one."""
    at = 0
    for _ in range(_MAX_CHUNKS):
        if at == len(data):
            return Container("HEIC", 0, 0, data, end=len(data))
        (length,) = struct.unpack_from(">I", data, at)
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
        elif length == 0:
            length = len(data) - at
        if length < 8 or at + length > len(data):
            raise damaged("its end is missing")
        at += length
    raise damaged("it is in far too many pieces")
