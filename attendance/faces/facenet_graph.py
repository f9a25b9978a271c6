"""InceptionResnetV1 as an ONNX graph, from its weights by name; numpy and onnx only.

The network is that of facenet-pytorch's ``models/inception_resnet_v1.py`` (after Szegedy et al. 2016 and David Sandberg's
facenet). Two things are done once here rather than at every picture: each batch normalisation is folded into the
convolution before it, and each block's residual scale into its last convolution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

OPSET = 17
IR_VERSION = 8  # what goes with that opset; a newer one would be refused by older runtimes
SIZE = 160  # side of the input, pixels
DIMENSION = 512
BN_EPS = 0.001  # of every batch normalisation in it, as in its TensorFlow original
NORM_EPS = 1e-12  # torch.nn.functional.normalize's
SCALES = {"repeat_1": (5, 0.17), "repeat_2": (10, 0.10), "repeat_3": (5, 0.20)}  # how many blocks, their residual scale

Weights = NDArray[np.float64]


class _Builder:
    """Collects nodes and initialisers; every method takes and gives names of tensors."""

    def __init__(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._state = state
        self.nodes: list[Any] = []
        self.initialisers: list[Any] = []

    def weight(self, name: str) -> Weights:
        return np.asarray(self._state[name], np.float64)

    def constant(self, name: str, values: Weights) -> str:
        from onnx import numpy_helper

        self.initialisers.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def node(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def folded(self, name: str) -> tuple[Weights, Weights]:
        """Kernel and bias of a convolution and the batch normalisation after it, as one convolution."""
        factor = self.weight(f"{name}.bn.weight") / np.sqrt(self.weight(f"{name}.bn.running_var") + BN_EPS)
        bias = self.weight(f"{name}.bn.bias") - self.weight(f"{name}.bn.running_mean") * factor
        return self.weight(f"{name}.conv.weight") * factor[:, None, None, None], bias

    def convolve(self, x: str, name: str, kernel: Weights, bias: Weights, *, stride: int = 1, same: bool = False) -> str:
        rows, columns = kernel.shape[2:]
        pads = [rows // 2, columns // 2] * 2 if same else [0] * 4
        inputs = [x, self.constant(f"{name}.kernel", kernel), self.constant(f"{name}.bias", bias)]
        return self.node("Conv", inputs, name, kernel_shape=[rows, columns], strides=[stride, stride], pads=pads)

    def unit(self, x: str, name: str, *, stride: int = 1, same: bool = False) -> str:
        """facenet-pytorch's BasicConv2d: convolution, batch normalisation, ReLU."""
        kernel, bias = self.folded(name)
        return self.node("Relu", [self.convolve(x, name, kernel, bias, stride=stride, same=same)], f"{name}.relu")

    def pool(self, x: str, name: str) -> str:
        return self.node("MaxPool", [x], name, kernel_shape=[3, 3], strides=[2, 2])

    def residual(self, x: str, name: str, branches: list[list[str]], scale: float, *, relu: bool = True) -> str:
        """The sum x + scale * conv(branches): Block35, Block17 and Block8."""
        ends = []
        for branch in branches:
            end = x
            for unit in branch:
                end = self.unit(end, f"{name}.{unit}", same=True)
            ends.append(end)
        joined = self.node("Concat", ends, f"{name}.concat", axis=1)
        kernel, bias = self.weight(f"{name}.conv2d.weight") * scale, self.weight(f"{name}.conv2d.bias") * scale
        total = self.node("Add", [self.convolve(joined, f"{name}.conv2d", kernel, bias), x], f"{name}.sum")
        return self.node("Relu", [total], f"{name}.relu") if relu else total


def build(state: Mapping[str, NDArray[Any]]) -> bytes:
    """The graph as the bytes of an ONNX file, the same for the same weights.

    Args:
        state: weights by the names of facenet-pytorch's state dict; the classifier's (``logits``) are not used.

    Returns:
        a network from ``crops`` float32 (n, 3, 160, 160), standardised RGB, to ``embeddings`` float32 (n, 512), unit length.

    Raises:
        KeyError: a weight is missing.
        ValueError: a weight has another shape.
    """
    from onnx import TensorProto, checker, helper

    b = _Builder(state)
    x = b.unit("crops", "conv2d_1a", stride=2)
    x = b.unit(x, "conv2d_2a")
    x = b.unit(x, "conv2d_2b", same=True)
    x = b.pool(x, "maxpool_3a")
    x = b.unit(x, "conv2d_3b")
    x = b.unit(x, "conv2d_4a")
    x = b.unit(x, "conv2d_4b", stride=2)
    three = [["branch0"], ["branch1.0", "branch1.1"], ["branch2.0", "branch2.1", "branch2.2"]]
    two = [["branch0"], ["branch1.0", "branch1.1", "branch1.2"]]
    x = _repeat(b, x, "repeat_1", three)
    x = _mixed_6a(b, x)
    x = _repeat(b, x, "repeat_2", two)
    x = _mixed_7a(b, x)
    x = _repeat(b, x, "repeat_3", two)
    x = b.residual(x, "block8", two, 1.0, relu=False)
    x = b.node("Flatten", [b.node("GlobalAveragePool", [x], "avgpool_1a")], "flatten")
    _embed(b, x)
    graph = helper.make_graph(
        b.nodes,
        "InceptionResnetV1",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", DIMENSION])],
        b.initialisers,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="attend")
    try:
        checker.check_model(model, full_check=True)
    except Exception as error:  # shape inference and the checker have no common base
        raise ValueError(f"the weights do not make an InceptionResnetV1: {error}") from error
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def _repeat(b: _Builder, x: str, name: str, branches: list[list[str]]) -> str:
    count, scale = SCALES[name]
    for index in range(count):
        x = b.residual(x, f"{name}.{index}", branches, scale)
    return x


def _mixed_6a(b: _Builder, x: str) -> str:
    first = b.unit(x, "mixed_6a.branch0", stride=2)
    second = b.unit(b.unit(x, "mixed_6a.branch1.0"), "mixed_6a.branch1.1", same=True)
    second = b.unit(second, "mixed_6a.branch1.2", stride=2)
    return b.node("Concat", [first, second, b.pool(x, "mixed_6a.branch2")], "mixed_6a", axis=1)


def _mixed_7a(b: _Builder, x: str) -> str:
    first = b.unit(b.unit(x, "mixed_7a.branch0.0"), "mixed_7a.branch0.1", stride=2)
    second = b.unit(b.unit(x, "mixed_7a.branch1.0"), "mixed_7a.branch1.1", stride=2)
    third = b.unit(b.unit(x, "mixed_7a.branch2.0"), "mixed_7a.branch2.1", same=True)
    third = b.unit(third, "mixed_7a.branch2.2", stride=2)
    return b.node("Concat", [first, second, third, b.pool(x, "mixed_7a.branch3")], "mixed_7a", axis=1)


def _embed(b: _Builder, x: str) -> None:
    """The last layer with its batch normalisation folded in, then unit length."""
    factor = b.weight("last_bn.weight") / np.sqrt(b.weight("last_bn.running_var") + BN_EPS)
    matrix = b.constant("last_linear.matrix", b.weight("last_linear.weight") * factor[:, None])
    bias = b.constant("last_linear.bias", b.weight("last_bn.bias") - b.weight("last_bn.running_mean") * factor)
    x = b.node("Gemm", [x, matrix, bias], "last_linear", transB=1)
    length = b.node("ReduceL2", [x], "length", axes=[1], keepdims=1)
    length = b.node("Max", [length, b.constant("smallest_length", np.array(NORM_EPS))], "length.positive")
    b.node("Div", [x, length], "embeddings")
