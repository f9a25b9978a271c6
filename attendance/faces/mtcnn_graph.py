"""P-, R- and O-Net as ONNX graphs that ONNX Runtime computes quickly, from plain arrays of weights.

Four exact rewritings of the trained networks (Zhang et al. 2016, as in facenet-pytorch's ``models/mtcnn.py``):

- The input is RGB, float32, 0 to 255: ``(x - 127.5) / 128`` is folded into the first convolution, which has no padding.
- The two classes' softmax becomes the difference of their logits, one output; its sigmoid is the face's probability.
- ``prelu(x; a) = (1 - a) relu(x) + a x``, as two depthwise 1 x 1 convolutions: ONNX Runtime has no fast PRelu over pictures,
  and these stay in its blocked memory layout.
- Channels are padded with zeros to a multiple of 16, the block of that layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Weights = Mapping[str, NDArray[np.float32]]

OPSET, IR_VERSION = 17, 8  # old enough for every ONNX Runtime of the last years; nothing newer is needed
BLOCK = 16
MEAN, SCALE = 127.5, 0.0078125  # facenet-pytorch's normalisation of pixels


def fold_pixels(weights: Weights) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The first convolution's weights (out, 3, 3, 3) and bias (out,) for pixels of 0 to 255."""
    w = weights["conv1.weight"].astype(np.float64) * SCALE
    b = weights["conv1.bias"].astype(np.float64) - MEAN * w.sum(axis=(1, 2, 3))
    return w.astype(np.float32), b.astype(np.float32)


def face_logit(weights: Weights, layer: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One row of weights and one bias in the place of the classes "no face" and "face"."""
    w, b = weights[f"{layer}.weight"], weights[f"{layer}.bias"]
    return w[1:] - w[:1], b[1:] - b[:1]


class _Graph:
    """Nodes in a chain, each reading what the one before wrote."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.arrays: list[onnx.TensorProto] = []
        self.last = "x"

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        self.last = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [self.last], name=self.last, **attributes))
        return self.last

    def array(self, values: NDArray[np.generic]) -> str:
        name = f"w{len(self.arrays)}"
        self.arrays.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def conv(self, w: NDArray[np.float32], b: NDArray[np.float32], groups: int = 1) -> None:
        kernel = list(w.shape[2:])
        self.add("Conv", self.last, self.array(w), self.array(b), kernel_shape=kernel, group=groups)

    def conv_prelu(self, w: NDArray[np.float32], b: NDArray[np.float32], slope: NDArray[np.float32], inputs: int) -> int:
        """A convolution over ``inputs`` (padded) channels and its PReLU. -> the number of padded output channels."""
        channels = -(-len(b) // BLOCK) * BLOCK
        missing = channels - len(b)
        self.conv(np.pad(w, [(0, missing), (0, inputs - w.shape[1]), (0, 0), (0, 0)]), np.pad(b, (0, missing)))
        below = np.pad(slope, (0, missing)).reshape(channels, 1, 1, 1)
        before, none = self.last, np.zeros(channels, np.float32)
        self.add("Relu", before)
        self.conv(np.float32(1) - below, none, channels)
        positive, self.last = self.last, before
        self.conv(below, none, channels)
        self.add("Add", positive, self.last)
        return channels

    def pool(self, size: int) -> None:
        self.add("MaxPool", self.last, kernel_shape=[size, size], strides=[2, 2], ceil_mode=1)

    def dense(self, w: NDArray[np.float32], b: NDArray[np.float32]) -> None:
        self.add("Gemm", self.last, self.array(w), self.array(b), transB=1)

    def model(self, shape: Sequence[str | int], output: Sequence[str | int]) -> bytes:
        """The file's bytes, the same for the same weights."""
        self.nodes[-1].output[0] = "y"
        graph = helper.make_graph(
            self.nodes,
            "mtcnn",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, list(output))],
            self.arrays,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))


def _features(graph: _Graph, weights: Weights, pools: Sequence[int]) -> None:
    """Convolutions with PReLU; ``pools`` gives the max-pooling after each, 0 for none."""
    channels = 3
    for number, pool in enumerate(pools, start=1):
        w, b = weights[f"conv{number}.weight"], weights[f"conv{number}.bias"]
        if number == 1:
            w, b = fold_pixels(weights)
        channels = graph.conv_prelu(w, b, weights[f"prelu{number}.weight"], channels)
        if pool:
            graph.pool(pool)


def _dense_prelu(graph: _Graph, weights: Weights, number: int, side: int) -> None:
    """The dense layer over side x side features. The trained one counts them column by column, channels last."""
    w = weights[f"dense{number}.weight"]
    in_order = w.reshape(len(w), side, side, -1).transpose(0, 3, 2, 1).reshape(len(w), -1)
    graph.add("Flatten", graph.last, axis=1)
    graph.dense(in_order, weights[f"dense{number}.bias"])
    graph.add("PRelu", graph.last, graph.array(weights[f"prelu{number}.weight"]))


def _joined(weights: Weights, logit: str, *others: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The face's logit and the other outputs as one layer."""
    w, b = face_logit(weights, logit)
    return (
        np.concatenate([w, *(weights[f"{name}.weight"] for name in others)]),
        np.concatenate([b, *(weights[f"{name}.bias"] for name in others)]),
    )


def pnet(weights: Weights) -> bytes:
    """P-Net: (1, 3, h, w) -> (1, 5, h', w'): logit and four offsets of each cell."""
    graph = _Graph()
    _features(graph, weights, (2, 0, 0))
    graph.conv(*_joined(weights, "conv4_1", "conv4_2"))
    return graph.model([1, 3, "h", "w"], [1, 5, "oh", "ow"])


def rnet(weights: Weights) -> bytes:
    """R-Net: (n, 3, 24, 24) -> (n, 5): logit and four offsets."""
    graph = _Graph()
    _features(graph, weights, (3, 3, 0))
    _dense_prelu(graph, weights, 4, 3)
    graph.dense(*_joined(weights, "dense5_1", "dense5_2"))
    return graph.model(["n", 3, 24, 24], ["n", 5])


def onet(weights: Weights) -> bytes:
    """O-Net: (n, 3, 48, 48) -> (n, 15): logit, four offsets, five x and five y of the landmarks."""
    graph = _Graph()
    _features(graph, weights, (3, 3, 2, 0))
    _dense_prelu(graph, weights, 5, 3)
    graph.dense(*_joined(weights, "dense6_1", "dense6_2", "dense6_3"))
    return graph.model(["n", 3, 48, 48], ["n", 15])


def winograd(w: NDArray[np.float32]) -> NDArray[np.float32]:
    """A 3 x 3 convolution's weights (out, in, 3, 3) for Winograd's F(2, 3) down the columns: (4, out, in, 3).

    Source: Lavin & Gray 2016, "Fast Algorithms for Convolutional Neural Networks", the matrix G of F(2, 3).
    """
    g0, g1, g2 = (w[:, :, k].astype(np.float64) for k in range(3))
    return np.stack([g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2]).astype(np.float32)


def pnet_arrays(weights: Weights) -> dict[str, NDArray[np.float32]]:
    """P-Net for the compiled kernels.

    w1 (out, in, 9) of the first convolution, u2 and u3 (4, out, in, 3) of the others as ``winograd`` gives them, biases b
    and slopes a of each, and the head wh (5, 32) and bh.
    """
    w1, b1 = fold_pixels(weights)
    wh, bh = _joined(weights, "conv4_1", "conv4_2")
    arrays = {"w1": w1.reshape(*w1.shape[:2], 9), "b1": b1, "wh": wh.reshape(5, -1), "bh": bh}
    for number in (2, 3):
        arrays[f"u{number}"] = winograd(weights[f"conv{number}.weight"])
        arrays[f"b{number}"] = weights[f"conv{number}.bias"]
    for number in (1, 2, 3):
        arrays[f"a{number}"] = weights[f"prelu{number}.weight"]
    return {name: np.ascontiguousarray(values, np.float32) for name, values in arrays.items()}
