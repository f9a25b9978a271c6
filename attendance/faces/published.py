"""Model files that others publish: where, and how the right one is told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """A model file as its publisher offers it.

    Attributes:
        model: the family, as errors carry it.
        title: the network's name, for people.
        name: the file's name, in the cache too.
        url: where the publisher keeps it.
        size: bytes.
        sha256: hexadecimal.
    """

    model: str
    title: str
    name: str
    url: str
    size: int
    sha256: str


# InceptionResnetV1 trained on VGGFace2 (8,631 people); its author measured 0.9965 on LFW. Size and sum were taken from
# the publisher's release v2.2.9, which publishes no sum itself.
FACENET = Published(
    model="facenet",
    title="FaceNet",
    name="20180402-114759-vggface2.pt",
    url="https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt",
    size=111_898_327,
    sha256="281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b",
)
