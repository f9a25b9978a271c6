"""Worse probes: small, blurred, dark or tilted versions of the shared pictures against the pictures as they are.

`python -m bench.conditions` prints the table of docs/accuracy.md; it takes about two minutes.
"""

from __future__ import annotations

import io
import itertools
import sys
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from PIL import Image

from attendance.domain.model import RecognitionOptions
from attendance.faces.images import decode
from bench.accuracy import show
from bench.comparisons import Embeddings, rule_distances

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from attendance.settings import Settings

    Image8 = NDArray[np.uint8]
    F32 = NDArray[np.float32]

REFERENCES: Final = (2, 3, 4)
JPEG_QUALITY: Final = 80
USUAL_PX: Final = 160  # size of the face in the versions that change something else


def gamma(image: Image8, exponent: float) -> Image8:
    """Darker above 1, brighter below."""
    table = (255 * (np.arange(256) / 255) ** exponent).round().astype(np.uint8)
    return table[image]


def tilted(image: Image8, degrees: float) -> Image8:
    """Turned about the picture's middle."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    turned: Image8 = cv2.warpAffine(image, matrix, (width, height))
    return turned


def side_light(image: Image8) -> Image8:
    """A third of the light on the left, a tenth more on the right."""
    ramp = np.linspace(0.35, 1.1, image.shape[1])[None, :, None]
    return (image * ramp).clip(0, 255).astype(np.uint8)


def blurred(image: Image8) -> Image8:
    """Out of focus: a Gaussian of 2 pixels."""
    soft: Image8 = cv2.GaussianBlur(image, (0, 0), 2)
    return soft


CONDITIONS: Final[dict[str, tuple[int, Callable[[Image8], Image8]]]] = {
    "face of 160 pixels": (160, lambda image: image),
    "face of 100 pixels": (100, lambda image: image),
    "face of 70 pixels": (70, lambda image: image),
    "dark (gamma 2.2)": (USUAL_PX, lambda image: gamma(image, 2.2)),
    "bright (gamma 0.5)": (USUAL_PX, lambda image: gamma(image, 0.5)),
    "light from one side": (USUAL_PX, side_light),
    "tilted by 15 degrees": (USUAL_PX, lambda image: tilted(image, 15)),
    "mirrored": (USUAL_PX, lambda image: np.ascontiguousarray(image[:, ::-1])),
    "blurred by 2 pixels": (USUAL_PX, blurred),
}


def tables(settings: Settings, faces: Path) -> Iterator[str]:
    """The lines of the table."""
    options = RecognitionOptions(**settings.params.recognition.model_dump())
    embeddings = Embeddings(settings, faces)
    engine = embeddings.engine(options)
    originals: list[tuple[str, Image8, float, F32]] = []
    for person, path in embeddings.pictures():
        data = path.read_bytes()
        capture = engine.capture(data)
        if capture.face is None or capture.embedding is None:
            raise RuntimeError(f"{path.name} was refused: {capture.refusal}")
        view = decode(data, max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels, reduce_to_px=None)
        originals.append((person, view.image, capture.face.box.shorter_side_px, capture.embedding))
    threshold = settings.params.thresholds.dlib
    heads = " | ".join(f"{count} references: farthest genuine, misses" for count in REFERENCES)
    yield f"| probe | refused by the gate | {heads} | nearest impostor, matches |"
    yield "| --- |" + " --- |" * (len(REFERENCES) + 2)
    for name, (face_px, change) in CONDITIONS.items():
        probes = []
        for _, image, size_px, _ in originals:
            scale = min(face_px / size_px, 1.0)
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            probes.append(engine.capture(jpeg(change(small))).embedding)
        cells = [str(sum(probe is None for probe in probes))]
        nearest = []
        for count in REFERENCES:
            genuine, impostor = compared([(person, embedding) for person, _, _, embedding in originals], probes, count)
            cells.append(f"{genuine.max():.3f}, {(genuine > threshold).sum()} of {len(genuine)}")
            nearest.append(impostor)
        strangers = np.concatenate(nearest)
        cells.append(f"{strangers.min():.3f}, {(strangers <= threshold).sum()} of {len(strangers)}")
        yield f"| {name} | " + " | ".join(cells) + " |"


def jpeg(image: Image8) -> bytes:
    """As a camera would send it."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def compared(originals: list[tuple[str, F32]], probes: list[F32 | None], count: int) -> tuple[F32, F32]:
    """Genuine and impostor distances of changed probes from every choice of ``count`` unchanged references."""
    genuine, impostor = [], []
    for person in sorted({person for person, _ in originals}):
        own = [number for number, (owner, _) in enumerate(originals) if owner == person]
        others = [
            probe for (owner, _), probe in zip(originals, probes, strict=True) if owner != person and probe is not None
        ]
        for chosen in itertools.combinations(own, count):
            references = np.stack([originals[number][1] for number in chosen])
            left = [probe for number in own if number not in chosen and (probe := probes[number]) is not None]
            if left:
                genuine.append(rule_distances(references, np.stack(left))["nearest or mean"])
            impostor.append(rule_distances(references, np.stack(others))["nearest or mean"])
    return np.concatenate(genuine), np.concatenate(impostor)


if __name__ == "__main__":
    sys.exit(show(tables))
