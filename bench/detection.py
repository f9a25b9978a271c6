"""Detection alone, against facenet-pytorch: one face in a 640x480 picture, 2 threads on both sides."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps

from attendance.faces.mtcnn import MtcnnDetector, ensure_mtcnn
from attendance.faces.reference import ReferenceDetector
from bench.measure import compare

if TYPE_CHECKING:
    from numpy.typing import NDArray

THREADS = 2
PICTURE = Path("people") / "p05" / "1.jpg"
GOALS = {60: 6.0, 20: 4.0}  # times facenet-pytorch, by min_face_size


def picture(faces: Path) -> NDArray[np.uint8]:
    """A shared photograph cut to 4:3 and made as small as a webcam's frame, RGB uint8 (480, 640, 3)."""
    with Image.open(faces / PICTURE) as photograph:
        upright = ImageOps.exif_transpose(photograph).convert("RGB")
    # The upper part, where the face is. Filled to all sides: grey bars would leave both detectors less to do.
    return np.array(ImageOps.fit(upright, (640, 480), Image.Resampling.LANCZOS, centering=(0.5, 0.2)))


def rows(faces: Path) -> list[dict[str, Any]]:
    """The table's rows: name, ours_ms, peer, peer_ms, ratio, goal; see ``bench.measure.Row``."""
    with tempfile.TemporaryDirectory() as scratch:
        ours = MtcnnDetector(ensure_mtcnn(Path(scratch)), threads=THREADS)
        ours.warm()
    peer = ReferenceDetector(threads=THREADS)
    image = picture(faces)
    table = []
    for size, goal in GOALS.items():
        found = len(ours.detect(image, size)), len(peer.detect(image, size))
        if found != (1, 1):
            raise RuntimeError(f"the picture should show one face at {size}, not {found}")
        name = f"detection, 640x480, one face, min_face_size {size}"
        row = compare(
            name, partial(ours.detect, image, size), "facenet-pytorch", partial(peer.detect, image, size), goal, rounds=15
        )
        table.append(row.as_dict())
    return table
