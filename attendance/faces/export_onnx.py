"""MTCNN's networks, out of facenet-pytorch and into files that need neither it nor torch.

Besides reference.py and FaceNet's exporter the only importer of torch and facenet_pytorch; run once, by ``ensure_mtcnn``.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def _weights(network: Any) -> dict[str, NDArray[np.float32]]:
    """A torch module's state as float32 arrays."""
    return {name: tensor.detach().numpy().astype(np.float32) for name, tensor in network.state_dict().items()}


def export_mtcnn(folder: Path) -> None:
    """Write ``pnet.onnx``, ``rnet.onnx``, ``onet.onnx`` and ``pnet.npz`` into a folder that exists.

    The weights are those inside facenet-pytorch (MIT). The same weights give the same bytes.

    Raises:
        ImportError: torch, facenet-pytorch or onnx is not installed.
        OSError: a file cannot be read or written.
    """
    from facenet_pytorch.models.mtcnn import ONet, PNet, RNet

    from attendance.faces import mtcnn_graph

    p, r, o = _weights(PNet()), _weights(RNet()), _weights(ONet())
    (folder / "pnet.onnx").write_bytes(mtcnn_graph.pnet(p))
    (folder / "rnet.onnx").write_bytes(mtcnn_graph.rnet(r))
    (folder / "onet.onnx").write_bytes(mtcnn_graph.onet(o))
    arrays = io.BytesIO()
    np.savez(arrays, allow_pickle=False, **mtcnn_graph.pnet_arrays(p))
    (folder / "pnet.npz").write_bytes(arrays.getvalue())
