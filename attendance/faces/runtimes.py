"""What computes a network: ONNX Runtime in float32, or OpenVINO in bf16 where the processor has it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attendance.errors import InferenceError

if TYPE_CHECKING:
    from pathlib import Path

Network = Callable[[NDArray[Any]], NDArray[Any]]
"""One input array to the first output array; any number of threads may call it."""

ONNXRUNTIME = "onnxruntime"
OPENVINO_BF16 = "openvino-bf16"


def open_onnx(path: Path, runtime: str = ONNXRUNTIME, threads: int = 2) -> Network:
    """Load a network with one input.

    Args:
        path: the ONNX file.
        runtime: ``onnxruntime`` or ``openvino-bf16``.
        threads: how many work on one call; 1 does best where many threads call at once.

    Raises:
        InferenceError: unknown runtime, one that is not installed or that the processor cannot run, or a file that is no
            network. What is returned raises it too, for an input that does not fit and for any fault of the runtime.
    """
    if runtime == ONNXRUNTIME:
        return _open_onnxruntime(path, threads)
    if runtime == OPENVINO_BF16:
        return _open_openvino(path, threads)
    raise InferenceError(f"there is no runtime called {runtime!r}")


@lru_cache(maxsize=1)
def bf16_available() -> bool:
    """Whether OpenVINO is installed and runs bf16 on this processor; asked once, as OpenVINO takes 0.2 s to load."""
    try:
        import openvino
    except ImportError:
        return False
    try:
        return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except RuntimeError:  # OpenVINO without its CPU plug-in
        return False


def checked_embeddings(values: NDArray[Any], count: int, dimension: int) -> NDArray[np.float32]:
    """What a network gave, if it can be embeddings.

    Returns:
        float32, shape (count, dimension).

    Raises:
        InferenceError: another shape, a number that is not finite, or a row that is all zero.
    """
    embeddings = np.asarray(values, np.float32)
    if embeddings.shape != (count, dimension):
        raise InferenceError(f"the model gave {embeddings.shape}, not {(count, dimension)}")
    if not np.isfinite(embeddings).all() or not embeddings.any(axis=1).all():
        raise InferenceError("the model gave numbers that cannot be an embedding")
    return embeddings


def _open_onnxruntime(path: Path, threads: int) -> Network:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only; they are raised as well
    # Threads that spin while they wait take the processor from the detector's and from other callers': on a busy machine a
    # call took 56 to 84 ms with spinning, 63 to 70 with session.force_spinning_stop and 20 to 42 without; the quickest calls
    # were equal.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
    except Exception as error:  # the runtime's own classes have no common base
        raise InferenceError(f"{path.name} cannot be loaded: {error}") from error

    def run(values: NDArray[Any]) -> NDArray[Any]:
        try:
            result: NDArray[Any] = session.run(None, {name: values})[0]
        except Exception as error:
            raise InferenceError(f"{path.name} failed: {error}") from error
        return result

    return run


def _open_openvino(path: Path, threads: int) -> Network:
    if not bf16_available():
        raise InferenceError("OpenVINO's bf16 needs the extra 'openvino' and a processor with bf16 instructions")
    import openvino

    settings = {
        "INFERENCE_PRECISION_HINT": "bf16",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    try:
        request = openvino.Core().compile_model(str(path), "CPU", settings).create_infer_request()
    except RuntimeError as error:
        raise InferenceError(f"{path.name} cannot be loaded: {error}") from error
    one_at_a_time = threading.Lock()  # a request belongs to one caller, and with one stream a second would only wait

    def run(values: NDArray[Any]) -> NDArray[Any]:
        try:
            with one_at_a_time:
                return np.array(request.infer([values])[0])
        except (RuntimeError, TypeError, ValueError) as error:
            raise InferenceError(f"{path.name} failed: {error}") from error

    return run
