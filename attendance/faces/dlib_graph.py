"""Turns a network that was read from dlib's file into an ONNX model that computes the same numbers."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from attendance.faces.dlib_file import Add, Affine, Conv, DlibNetwork, FullyConnected, Layer, Mark, Pool, Relu
from attendance.faces.dlib_stream import DlibFormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPSET = 17
IR_VERSION = 8  # old enough for every runtime that knows this opset


class _Tensor(NamedTuple):
    """What flows between two nodes: its name and its channels, rows and columns."""

    name: str
    shape: tuple[int, int, int]


def build(network: DlibNetwork) -> onnx.ModelProto:
    """The ONNX model (opset 17).

    Input ``chips``: float32 (n, rows, columns, 3), RGB, 0 to 255. Output ``embeddings``: float32 (n, numbers), not of unit
    length (dlib's are not either). A mark opens a residual block (tag1). Two in a row are tag2 and skip1, the shortcut of a
    block that halves its planes: its convolutions are then the other operand of the addition.

    Raises:
        DlibFormatError: the layers do not fit together, or the network does something that the published one does not.
    """
    graph = _Graph()
    rows, columns = network.input_size
    now = _Tensor(graph.node("Transpose", "chips", perm=[0, 3, 1, 2]), (3, rows, columns))
    block: _Tensor | None = None
    shortcut: _Tensor | None = None
    for before, layer in pairwise((None, *_fold(network))):
        if isinstance(layer, Mark):
            if block is None:
                block = now
            elif isinstance(before, Mark):
                shortcut, now = now, block
        elif isinstance(layer, Add):
            other = shortcut or block
            if other is None:
                raise DlibFormatError("an addition outside a block")
            now, block, shortcut = graph.add(now, other), None, None
        elif layer is not None:
            now = graph.append(now, layer)
    graph.nodes[-1].output[0] = "embeddings"
    onnx_graph = helper.make_graph(
        graph.nodes,
        "dlib_face_recognition_resnet_v1",
        [helper.make_tensor_value_info("chips", TensorProto.FLOAT, ["n", rows, columns, 3])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", now.shape[0]])],
        graph.weights,
    )
    model = helper.make_model(onnx_graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def _fold(network: DlibNetwork) -> tuple[Layer, ...]:
    """Fold each affine layer into the convolution before it, and the input's (x - mean) / 256 into the first one.

    The second is exact only because the first convolution has no padding: with padding, the border's zeros mean "mean
    colour" after normalisation and "black" before it. Computed in float64, rounded once.
    """
    folded: list[Layer] = []
    for layer in network.layers:
        if isinstance(layer, Affine):
            conv = folded[-1] if folded else None
            if not isinstance(conv, Conv) or conv.bias.shape != layer.gamma.shape:
                raise DlibFormatError("an affine layer that follows no convolution of its size")
            gamma = layer.gamma.astype(np.float64)
            folded[-1] = replace(
                conv, weights=conv.weights * gamma[:, None, None, None], bias=conv.bias * gamma + layer.beta
            )
        elif isinstance(layer, Conv):
            folded.append(replace(layer, weights=layer.weights.astype(np.float64), bias=layer.bias.astype(np.float64)))
        else:
            folded.append(layer)
    first = folded[0]
    if not isinstance(first, Conv) or first.padding != (0, 0) or first.weights.shape[1] != 3:
        raise DlibFormatError("the input's normalisation cannot be folded")
    weights = first.weights / 256
    means = np.array(network.channel_means)[:, None, None]
    folded[0] = replace(first, weights=weights, bias=first.bias - (weights * means).sum(axis=(1, 2, 3)))
    return tuple(folded)


class _Graph:
    """Appends nodes, and keeps the shape of what flows: to check it, and to know what an addition has to fill up."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def const(self, value: NDArray[Any]) -> str:
        name = f"weights{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def append(self, now: _Tensor, layer: Layer) -> _Tensor:
        channels = now.shape[0]
        if isinstance(layer, Conv):
            if layer.weights.shape[1] != channels:
                raise DlibFormatError(f"a convolution of {layer.weights.shape} on {now.shape}")
            constants = (self.const(layer.weights.astype(np.float32)), self.const(layer.bias.astype(np.float32)))
            rows, columns = layer.weights.shape[2:]
            return self._window("Conv", now, (rows, columns), layer, layer.weights.shape[0], *constants)
        if isinstance(layer, Relu):
            return _Tensor(self.node("Relu", now.name), now.shape)
        if isinstance(layer, FullyConnected):
            if layer.weights.shape[0] != channels * now.shape[1] * now.shape[2]:
                raise DlibFormatError(f"a matrix of {layer.weights.shape} on {now.shape}")
            flat = self.node("Flatten", now.name)
            return _Tensor(self.node("MatMul", flat, self.const(layer.weights)), (layer.weights.shape[1], 1, 1))
        if isinstance(layer, Pool):
            return self._pool(now, layer)
        raise DlibFormatError(f"no place for {type(layer).__name__}")

    def add(self, one: _Tensor, other: _Tensor) -> _Tensor:
        shape = tuple(max(a, b) for a, b in zip(one.shape, other.shape, strict=True))
        grown = (shape[0], shape[1], shape[2])
        return _Tensor(self.node("Add", self._grow(one, grown), self._grow(other, grown)), grown)

    def _pool(self, now: _Tensor, pool: Pool) -> _Tensor:
        if pool.kind == "avg" and pool.size == (0, 0):
            return _Tensor(self.node("GlobalAveragePool", now.name), (now.shape[0], 1, 1))
        if pool.kind == "avg" and pool.padding != (0, 0):
            raise DlibFormatError("a padded average: dlib divides by the numbers inside the plane, ONNX may not")
        op = "MaxPool" if pool.kind == "max" else "AveragePool"
        return self._window(op, now, pool.size, pool, now.shape[0])

    def _window(
        self, op: str, now: _Tensor, size: tuple[int, int], layer: Conv | Pool, channels: int, *constants: str
    ) -> _Tensor:
        """A convolution or a pool: dlib rounds the size of the result down, as ONNX does."""
        (stride_y, stride_x), (pad_y, pad_x) = layer.stride, layer.padding
        if min(*size, stride_y, stride_x) < 1 or min(pad_y, pad_x) < 0:
            raise DlibFormatError(f"a window of {size}, stride {layer.stride}, padding {layer.padding}")
        rows = (now.shape[1] + 2 * pad_y - size[0]) // stride_y + 1
        columns = (now.shape[2] + 2 * pad_x - size[1]) // stride_x + 1
        pads = [pad_y, pad_x, pad_y, pad_x]
        name = self.node(op, now.name, *constants, kernel_shape=list(size), strides=list(layer.stride), pads=pads)
        return _Tensor(name, (channels, rows, columns))

    def _grow(self, tensor: _Tensor, shape: tuple[int, int, int]) -> str:
        """Zeros after the last channel, row and column, as dlib's add_prev takes a smaller operand."""
        if tensor.shape == shape:
            return tensor.name
        more = [big - small for big, small in zip(shape, tensor.shape, strict=True)]
        return self.node("Pad", tensor.name, self.const(np.array([0, 0, 0, 0, 0, *more], np.int64)))
