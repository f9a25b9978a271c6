"""FaceNet's weights, out of torch's file and into an ONNX file that needs no torch; run once, then cached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attendance.faces.facenet_files import write_facenet
from attendance.faces.facenet_graph import SIZE, build
from attendance.faces.files import sha256_of
from attendance.faces.reference import facenet_network

if TYPE_CHECKING:
    from pathlib import Path

CALIBRATION_PICTURES = 16


def export_facenet(weights: Path | None, target: Path, *, seed: int = 0) -> None:
    """Write InceptionResnetV1 as ONNX, whole or not at all, the same bytes for the same weights.

    Takes float32 (n, 3, 160, 160), standardised RGB crops; gives float32 (n, 512) of unit length.

    Args:
        weights: torch's file with the state dict; who needs the published one verifies it first (``weights.verify``).
            None: random weights of the same shapes, for tests and measurements, no good for recognising anybody.
        target: the ONNX file; its manifest, the same name ending in ``.json``, says what it was made of.
        seed: of the random weights.

    Raises:
        WeightsUnavailableError: ``missing`` or ``unreadable``: the weights are not there or not this network's; or the
            result cannot be written.
    """
    network = facenet_network(weights) if weights else random_network(seed)
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    write_facenet(target, build(state), sha256_of(weights) if weights else f"random weights, seed {seed}")


def random_network(seed: int = 0) -> Any:
    """facenet-pytorch's InceptionResnetV1 with random weights, ready to embed; the same seed gives the same network.

    He et al. (2015) initialisation, and batch statistics measured on random pictures: without them the signal fades from
    layer to layer, and every picture would have the same embedding.
    """
    import torch
    from facenet_pytorch import InceptionResnetV1

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = InceptionResnetV1()
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
                module.momentum = None  # the plain mean over what is seen
        network.train()
        network.dropout.eval()
        coarse = torch.rand(CALIBRATION_PICTURES, 3, 6, 6) * 2 - 1
        smooth = torch.nn.functional.interpolate(coarse, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
        network(smooth + 0.1 * torch.randn(smooth.shape))
    return network.eval()
