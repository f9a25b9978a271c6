"""The file of dlib's ResNet: checked, converted once, cached; damage is refused and never becomes numbers."""

from __future__ import annotations

import hashlib
import threading
from contextlib import suppress
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from attendance.errors import WeightsUnavailableError
from attendance.faces import dlib_convert
from attendance.faces.dlib_convert import CHANNEL_MEANS, SHA256, convert, convert_bytes, ensure_dlib, find_weights
from attendance.faces.dlib_file import read_network
from attendance.faces.dlib_stream import DlibFormatError, DlibReader

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def weights() -> bytes:
    return find_weights().read_bytes()


def test_the_file_is_the_published_one(weights: bytes) -> None:
    assert hashlib.sha256(weights).hexdigest() == SHA256


def test_the_network_is_read_to_the_last_byte(weights: bytes) -> None:
    network = read_network(weights)
    assert network.input_size == (150, 150)
    assert network.channel_means == pytest.approx(CHANNEL_MEANS)
    with pytest.raises(DlibFormatError, match="1 bytes are left over"):
        read_network(weights + b"0")


def test_the_model_has_as_many_parameters_as_published(weights: bytes) -> None:
    model = onnx.load_from_string(convert_bytes(weights))
    sizes = [numpy_helper.to_array(constant) for constant in model.graph.initializer]
    parameters = sum(constant.size for constant in sizes if constant.dtype == np.float32)
    assert 5_500_000 < parameters < 5_614_592  # the folded normalisations are gone
    assert model.opset_import[0].version == 17
    assert [dim.dim_value for dim in model.graph.output[0].type.tensor_type.shape.dim] == [0, 128]


def test_a_flipped_bit_is_refused(weights: bytes, tmp_path: Path) -> None:
    damaged = bytearray(weights)
    damaged[len(damaged) // 2] ^= 1  # in the weights: it parses without complaint
    read_network(bytes(damaged))
    file = tmp_path / "weights.dat"
    file.write_bytes(damaged)
    with pytest.raises(WeightsUnavailableError) as caught:
        convert(file)
    assert caught.value.reason == "checksum"


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailableError) as caught:
        convert(tmp_path)
    assert caught.value.reason == "unreadable"


@given(
    end=st.one_of(st.integers(0, 3_000), st.integers(0, 25_000_000)),
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4),
)
@settings(max_examples=150, deadline=None)
def test_a_truncated_or_damaged_file_is_never_a_crash(weights: bytes, end: int, edits: list[tuple[int, int]]) -> None:
    """Past the checksum: the reader and the builder say what is wrong in one kind of error."""
    with pytest.raises(WeightsUnavailableError) as caught:
        convert_bytes(weights[: min(end, len(weights) - 1)])
    assert caught.value.reason == "unreadable"
    head = bytearray(weights[:3_000])
    for place, value in edits:
        head[place] = value
    with suppress(DlibFormatError):
        read_network(bytes(head) + weights[3_000:])


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"\x09" + bytes(9), b"\x71\x01", b"\x01\x01\x08" + b"\xff" * 8, b"\x01\x01\x81\x05", bytes(100)]
)
def test_bytes_that_are_no_network_are_refused(data: bytes) -> None:
    with pytest.raises(DlibFormatError):
        read_network(data)


def test_numbers_are_read_as_dlib_writes_them() -> None:
    reader = DlibReader(b"\x01\x05\x81\x05\x02\x00\x01" + b"\x01\x03\x81\x01" + b"01\x01\x02hi")
    assert reader.integers(3) == [5, -5, 256]
    assert reader.reals(1) == [1.5]
    assert reader.flags(2) == [False, True]
    assert reader.text() == "hi"
    assert reader.left == 0


def test_it_is_converted_once_and_again_where_the_cache_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(source: Path) -> bytes:
        made.append(source)
        return convert(source)

    monkeypatch.setattr(dlib_convert, "convert", counted)
    folder = tmp_path / "new" / "models"
    path = ensure_dlib(folder)
    good = path.read_bytes()
    assert ensure_dlib(folder) == path
    assert len(made) == 1
    path.write_bytes(good[:-1])
    assert ensure_dlib(folder).read_bytes() == good
    broken = bytearray(good)
    broken[1_000_000] ^= 4
    path.write_bytes(broken)
    assert ensure_dlib(folder).read_bytes() == good
    path.with_suffix(".sha256").write_text("")
    assert ensure_dlib(folder).read_bytes() == good
    assert len(made) == 4
    assert sorted(file.name for file in folder.iterdir() if not file.name.startswith(".")) == sorted(
        [path.name, path.with_suffix(".sha256").name]
    )


def test_threads_that_ask_at_once_get_one_file(tmp_path: Path) -> None:
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(ensure_dlib(tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(WeightsUnavailableError) as caught:
        ensure_dlib(blocked / "models")
    assert caught.value.reason == "unreadable"


def test_a_missing_package_is_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(_: str) -> None:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "files", missing)
    with pytest.raises(WeightsUnavailableError) as caught:
        ensure_dlib(tmp_path)
    assert caught.value.reason == "missing"
    monkeypatch.setattr(metadata, "files", lambda _: [])
    with pytest.raises(WeightsUnavailableError) as caught:
        find_weights()
    assert caught.value.reason == "missing"
