"""Embedding one face that was cropped already, against facenet-pytorch and dlib, 2 threads, no mirror image.

From a uint8 crop to the embedding on both sides. How long a network takes does not depend on what its weights or its crop
show, so FaceNet runs on random weights here.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from attendance.domain.model import RecognitionOptions
from attendance.faces.align import CHIP_SIZE, FACENET_SIZE
from attendance.faces.catalogue import Catalogue
from attendance.faces.dlib_convert import find_weights
from attendance.faces.dlib_resnet import DlibEmbedder
from attendance.faces.export_facenet import export_facenet, random_network
from attendance.faces.facenet import FaceNetEmbedder
from attendance.faces.runtimes import ONNXRUNTIME, OPENVINO_BF16, bf16_available
from bench.detection import picture
from bench.measure import compare

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

THREADS = 2
OPTIONS = RecognitionOptions(use_tta_flip=False)
DLIB_GOAL = 15.0  # times dlib-bin; FaceNet's own goals are for the whole way from the picture to the decision


def square(faces: Path, size: int) -> NDArray[np.uint8]:
    """The middle of the shared webcam picture as a batch of one, uint8 (1, size, size, 3)."""
    middle = picture(faces)[:, 80:560]
    return np.asarray(cv2.resize(middle, (size, size), interpolation=cv2.INTER_AREA)[None], np.uint8)


def facenet_pytorch(crop: NDArray[np.uint8]) -> Callable[[], object]:
    """facenet-pytorch as its readme has it: fixed standardisation, then the network, without gradients."""
    import torch
    from facenet_pytorch import fixed_image_standardization

    torch.set_num_threads(THREADS)
    network = random_network()

    def work() -> object:
        with torch.inference_mode():
            planes = torch.from_numpy(crop.transpose(0, 3, 1, 2)).float()
            return network(fixed_image_standardization(planes)).numpy()

    return work


def dlib_bin(chip: NDArray[np.uint8]) -> Callable[[], object]:
    """The network of dlib itself on a chip, without its landmarks."""
    import dlib

    return partial(dlib.face_recognition_model_v1(str(find_weights())).compute_face_descriptor, chip[0])


def rows(faces: Path) -> list[dict[str, Any]]:
    """The table's rows; see ``bench.measure.Row``. bf16 has its rows where it runs."""
    runtimes = {"f32": ONNXRUNTIME} | ({"bf16, OpenVINO": OPENVINO_BF16} if bf16_available() else {})
    note = "" if bf16_available() else "OpenVINO's bf16 does not run on this machine, so it has no row."
    crop, chip = square(faces, FACENET_SIZE), square(faces, CHIP_SIZE)
    with tempfile.TemporaryDirectory() as scratch:
        about = Catalogue(Path(scratch), thresholds={"facenet": 0.0, "dlib": 0.0})
        facenet_info, dlib_info = about.info("facenet", OPTIONS), about.info("dlib", OPTIONS)
        path = Path(scratch) / "facenet.onnx"
        export_facenet(None, path)
        facenet = {
            name: FaceNetEmbedder(path, facenet_info, OPTIONS, threads=THREADS, runtime=runtime)
            for name, runtime in runtimes.items()
        }
        dlib = {
            name: DlibEmbedder(Path(scratch), dlib_info, OPTIONS, threads=THREADS, runtime=runtime)
            for name, runtime in runtimes.items()
        }
    table = []
    peer = facenet_pytorch(crop)
    for name, network in facenet.items():
        work = partial(network.embed_crops, crop)
        table.append(compare(f"embedding alone, FaceNet {name}", work, "facenet-pytorch", peer, None, note=note))
    peer = dlib_bin(chip)
    for name, resnet in dlib.items():
        work = partial(resnet.embed_chips, chip)
        goal = DLIB_GOAL if name == "f32" else None
        table.append(compare(f"embedding alone, dlib's ResNet {name}", work, "dlib-bin", peer, goal))
    return [row.as_dict() for row in table]
