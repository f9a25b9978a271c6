"""Reads a network that dlib serialised, such as dlib_face_recognition_resnet_model_v1.dat, without dlib.

The network is read from the file and not assumed: every layer's kind, size, stride and padding is in it, and the reader must
end exactly at the last byte. Format: dlib/dnn/core.h and dlib/dnn/layers.h (dlib 19 and 20).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attendance.faces.dlib_stream import DlibFormatError, DlibReader

Weights = NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class Conv:
    """A convolution: weights (out, in, rows, columns), bias (out,), stride and padding as (rows, columns)."""

    weights: Weights
    bias: Weights
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """y = gamma x + beta for each channel: batch normalisation that dlib has already frozen."""

    gamma: Weights
    beta: Weights


@dataclass(frozen=True, slots=True)
class Pool:
    """Largest (``max``) or mean (``avg``) over a window; the size (0, 0) is the whole plane."""

    kind: str
    size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class FullyConnected:
    """A matrix (inputs, outputs) without a bias."""

    weights: Weights


@dataclass(frozen=True, slots=True)
class Relu:
    """max(x, 0)."""


@dataclass(frozen=True, slots=True)
class Add:
    """Adds the marked layer's output; what is missing of the smaller operand counts as zero."""


@dataclass(frozen=True, slots=True)
class Mark:
    """tag1, tag2 or skip1: the file tells them apart by their order alone."""


Layer = Conv | Affine | Pool | FullyConnected | Relu | Add | Mark


@dataclass(frozen=True, slots=True, eq=False)
class DlibNetwork:
    """A network as the file describes it.

    Attributes:
        channel_means: of red, green and blue; the input is (x - mean) / 256 (input_rgb_image_sized).
        input_size: rows and columns.
        layers: from the input to the output.
    """

    channel_means: tuple[float, float, float]
    input_size: tuple[int, int]
    layers: tuple[Layer, ...]


def read_network(data: bytes) -> DlibNetwork:
    """Read a metric-learning network.

    Raises:
        DlibFormatError: something in the bytes is not as it must be.
    """
    try:
        return _read_network(DlibReader(data))
    except DlibFormatError:
        raise
    except (ValueError, OverflowError) as error:  # numpy's reshape, ASCII decoding, a power above a float's range
        raise DlibFormatError(str(error)) from error


def _read_network(reader: DlibReader) -> DlibNetwork:
    reader.expect(1)  # add_loss_layer
    if reader.text() != "loss_metric_2":
        raise DlibFormatError("not a metric-learning network")
    reader.reals(2)  # the loss's margin and distance threshold
    # Each C++ layer object writes its version, then the layer below it, and only then itself. So first come all versions,
    # from the output down (2 = layer, 1 = tag or skip, 3 = layer on the input), then the contents, from the input up.
    versions = [reader.expect(1, 2, 3)]
    while versions[-1] != 3:
        versions.append(reader.expect(1, 2, 3))
    if reader.text() != "input_rgb_image_sized":
        raise DlibFormatError("unknown input layer")
    red, green, blue = reader.reals(3)
    size = (reader.integer(), reader.integer())
    layers = tuple(_read_layer(reader, version) for version in reversed(versions))
    if reader.left:
        raise DlibFormatError(f"{reader.left} bytes are left over")
    return DlibNetwork((red, green, blue), size, layers)


def _read_layer(reader: DlibReader, version: int) -> Layer:
    if version == 1:
        return Mark()  # these write nothing but their version
    layer = _read_details(reader)
    reader.flags(3)  # setup_called, gradient_is_stale, getters_disabled
    for _ in range(3):  # x_grad, cached_output, then params_grad (2) or grad_final (3): empty in a cleaned network
        reader.tensor()
    if version == 3:
        reader.integer()  # sample expansion factor
    return layer


def _read_details(reader: DlibReader) -> Layer:
    """One layer's own fields, in the order of its serialize(). Optimiser settings are read and dropped."""
    name = reader.text()
    if name in ("con_4", "con_5"):
        return _read_conv(reader, has_flag=name == "con_5")
    if name in ("affine_", "affine_2"):
        return _read_affine(reader, has_flag=name == "affine_2")
    if name in ("fc_2", "fc_3"):
        return _read_fully_connected(reader, has_flag=name == "fc_3")
    if name in ("max_pool_2", "avg_pool_2"):
        rows, columns, stride_y, stride_x, pad_y, pad_x = reader.integers(6)
        return Pool(name[:3], (rows, columns), (stride_y, stride_x), (pad_y, pad_x))
    if name in ("relu_", "relu_2"):
        if name == "relu_2" and reader.flag():
            raise DlibFormatError("disabled relu")
        return Relu()
    if name == "add_prev_":
        return Add()
    raise DlibFormatError(f"unknown layer {name!r}")


def _read_conv(reader: DlibReader, *, has_flag: bool) -> Conv:
    values = reader.tensor().ravel()
    count, rows, columns, stride_y, stride_x, pad_y, pad_x = reader.integers(7)
    filters, biases = reader.shape(1), reader.shape(1)
    reader.reals(4)
    if has_flag and not reader.flag():
        raise DlibFormatError("convolution without a bias")
    split = math.prod(filters)
    fits = filters[0] == count and filters[2:] == (rows, columns) and biases == (1, count, 1, 1)
    if not fits or values.size != split + count:
        raise DlibFormatError(f"convolution of inconsistent sizes {filters} {biases}")
    return Conv(values[:split].reshape(filters), values[split:], (stride_y, stride_x), (pad_y, pad_x))


def _read_affine(reader: DlibReader, *, has_flag: bool) -> Affine:
    values = reader.tensor().ravel()
    gamma, beta = reader.shape(1), reader.shape(1)
    mode = reader.integer()  # 0: one gamma for each channel
    if has_flag and reader.flag():
        raise DlibFormatError("disabled affine layer")
    channels = gamma[1]
    if mode != 0 or gamma != beta or gamma != (1, channels, 1, 1) or values.size != 2 * channels:
        raise DlibFormatError(f"affine layer of inconsistent sizes {gamma} {beta} mode {mode}")
    return Affine(values[:channels], values[channels:])


def _read_fully_connected(reader: DlibReader, *, has_flag: bool) -> FullyConnected:
    outputs, inputs = reader.integers(2)
    weights = reader.tensor()
    shape, _ = reader.shape(1), reader.shape(1)
    mode = reader.integer()  # 1: fc_no_bias
    reader.reals(4)
    if has_flag:
        reader.flag()
    if mode != 1 or weights.shape != (inputs, outputs, 1, 1) or shape != weights.shape:
        raise DlibFormatError(f"fully connected layer of unknown kind {weights.shape} {shape} mode {mode}")
    return FullyConnected(weights.reshape(inputs, outputs))
