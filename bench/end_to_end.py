"""From a picture's bytes to a decision: ours against facenet-pytorch and dlib, with the same options on both sides."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from attendance.domain.matching import verify
from attendance.domain.model import Candidate, RecognitionOptions
from attendance.faces.engine import Engine
from attendance.faces.mtcnn import MtcnnDetector
from attendance.faces.quality import Gate
from bench.measure import Row, compare
from bench.models import THREADS, dlib_embedder, facenet_embedder, folder, mtcnn_folder, webcam_jpeg

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from attendance.faces.base import Embedder

# The options that facenet-pytorch knows: a box crop with the same margin, no alignment, no flip.
PLAIN = RecognitionOptions(use_alignment=False, use_tta_flip=False, fallback_face_size=20)
LIMITS = {"max_bytes": 20_000_000, "max_pixels": 64_000_000}
CLIENTS = 16


def engine(embedder: Embedder, options: RecognitionOptions, threads: int = THREADS) -> Engine:
    """Ours, as the app puts it together, with the compiled detector warm."""
    detector = MtcnnDetector(mtcnn_folder(), threads=threads)
    detector.warm()
    return Engine(detector, embedder, options, Gate(), **LIMITS)


def decide(recogniser: Engine, jpeg: bytes, reference: np.ndarray[Any, Any]) -> Callable[[], object]:
    """One verification, ours."""

    def work() -> object:
        capture = recogniser.capture(jpeg)
        if capture.embedding is None:
            raise RuntimeError(str(capture.refusal))
        distance = float(np.linalg.norm(capture.embedding - reference))
        return verify(Candidate("somebody", distance, "picture"), recogniser.model.threshold)

    return work


def facenet_pytorch(jpeg: bytes, min_face_size: int) -> Callable[[], object]:
    """One verification with facenet-pytorch as its readme shows it."""
    import torch
    from facenet_pytorch import MTCNN, InceptionResnetV1

    torch.set_num_threads(THREADS)
    detector = MTCNN(min_face_size=min_face_size, margin=32)  # margin_ratio 0.20 of 160 pixels
    network = InceptionResnetV1(pretrained=None, classify=False).eval()  # random weights cost the same
    reference = torch.zeros(512)

    def work() -> object:
        with torch.inference_mode():
            face = detector(Image.open(io.BytesIO(jpeg)).convert("RGB"))
            embedding = network(face.unsqueeze(0))[0]
            return bool((embedding - reference).norm() <= 0.7)

    return work


def dlib_bin(jpeg: bytes, min_face_size: int) -> Callable[[], object]:
    """Landmarks and embedding by dlib itself, on a box of our detector, so that only their work is compared."""
    import dlib

    from bench.models import dlib_file

    detector = MtcnnDetector(mtcnn_folder(), threads=THREADS)
    detector.warm()
    shapes = dlib.shape_predictor(dlib_file("shape_predictor_5_face_landmarks.dat"))
    network = dlib.face_recognition_model_v1(dlib_file("dlib_face_recognition_resnet_model_v1.dat"))
    reference = np.zeros(128)

    def work() -> object:
        image = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)
        box = detector.detect(image, min_face_size)[0].box
        shape = shapes(image, dlib.rectangle(*(round(side) for side in box)))
        embedding = np.array(network.compute_face_descriptor(image, shape))
        return bool(np.linalg.norm(embedding - reference) <= 0.6)

    return work


def decisions(faces: Path) -> list[Row]:
    """JPEG 640x480 to decision."""
    jpeg = webcam_jpeg(faces)
    rows = []
    ours = {size: engine(facenet_embedder(PLAIN), replace(PLAIN, min_face_size=size)) for size in (60, 20)}
    unit = np.eye(512, dtype=np.float32)[0]
    for size, goal in ((60, 4.0), (20, 4.0)):
        peer = facenet_pytorch(jpeg, size)
        name = f"JPEG 640x480 to decision, FaceNet f32, min_face_size {size}"
        rows.append(compare(name, decide(ours[size], jpeg, unit), "facenet-pytorch", peer, goal))
    peer60 = facenet_pytorch(jpeg, 60)
    from attendance.faces.runtimes import bf16_available

    if bf16_available():
        bf16 = engine(facenet_embedder(PLAIN, runtime="openvino-bf16"), PLAIN)
        name = "JPEG 640x480 to decision, FaceNet OpenVINO bf16, min_face_size 60"
        rows.append(compare(name, decide(bf16, jpeg, unit), "facenet-pytorch", peer60, 5.0))
    dlib_engine = engine(dlib_embedder(PLAIN), PLAIN)
    small = np.eye(128, dtype=np.float32)[0]
    name = "JPEG 640x480 to decision, dlib's ResNet in ONNX, min_face_size 60"
    rows.append(compare(name, decide(dlib_engine, jpeg, small), "facenet-pytorch", peer60, 5.0))
    rows.append(compare(name, decide(dlib_engine, jpeg, small), "dlib-bin", dlib_bin(jpeg, 60), 7.0))
    shipped = RecognitionOptions()
    full = engine(dlib_embedder(shipped), shipped)
    plain = decide(engine(dlib_embedder(replace(shipped, use_tta_flip=False)), shipped), jpeg, small)
    name = "what the test-time flip costs: with it against without, dlib's ResNet, min_face_size 60"
    rows.append(compare(name, decide(full, jpeg, small), "without the flip", plain, None))
    return rows


def per_second(work: Callable[[], object], workers: int, seconds: float = 6.0) -> float:
    """Verifications a second with CLIENTS clients that each wait for an answer before they ask again."""
    done = 0
    with ThreadPoolExecutor(workers) as pool, ThreadPoolExecutor(CLIENTS) as clients:
        for _ in range(4):
            pool.submit(work).result()
        stop = time.perf_counter() + seconds

        def client() -> int:
            count = 0
            while time.perf_counter() < stop:
                pool.submit(work).result()
                count += 1
            return count

        done = sum(future.result() for future in [clients.submit(client) for _ in range(CLIENTS)])
    return done / seconds


def throughput(faces: Path) -> list[Row]:
    """Verifications a second, 16 clients; each side with the number of workers that suits it best."""
    import torch

    jpeg = webcam_jpeg(faces)
    ours = {
        "FaceNet f32": decide(engine(facenet_embedder(PLAIN, threads=1), PLAIN, threads=1), jpeg, np.eye(512)[0]),
        "dlib's ResNet": decide(engine(dlib_embedder(PLAIN, threads=1), PLAIN, threads=1), jpeg, np.eye(128)[0]),
    }
    peer = facenet_pytorch(jpeg, 60)
    peers = []
    for threads, workers in ((2, CLIENTS), (1, CLIENTS), (1, 2)):
        torch.set_num_threads(threads)
        peers.append(per_second(peer, workers))
    torch.set_num_threads(THREADS)
    best = max(peers)
    rows = []
    for network, work in ours.items():
        mine = per_second(work, 2)
        note = f"{mine:.1f} against {best:.1f} a second; the times are milliseconds a verification"
        name = f"verifications a second, 16 clients, {network}, min_face_size 60"
        rows.append(Row(name, 1000 / mine, "facenet-pytorch in threads", 1000 / best, mine / best, 5.0, note))
    return rows


def cold_start(faces: Path) -> list[Row]:
    """A new process to its first decision, and its peak memory: the engine alone, torch not imported."""
    picture = io.BytesIO(webcam_jpeg(faces)).getvalue()
    times: list[float] = []
    peaks: list[float] = []
    for _ in range(6):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "bench.first_decision", str(folder())], input=picture, capture_output=True, check=True
        )
        times.append((time.perf_counter() - started) * 1e3)
        answer = json.loads(done.stdout)
        peaks.append(answer["peak_mb"])
        if answer["torch"]:
            raise RuntimeError("torch was imported")
    first, peak = float(np.median(times[1:])), float(np.median(peaks[1:]))
    note = "whole process, FaceNet f32, from start to exit; caches warm"
    return [
        Row("cold start to the first decision", first, "goal 1000 ms", None, 1000 / first, 1.0, note),
        Row("peak memory of that process", peak, "goal 350 MB", None, 350 / peak, 1.0, "the figure is MB, not ms"),
    ]


def rows(faces: Path) -> list[Row]:
    """All of this file's rows."""
    return [*decisions(faces), *throughput(faces), *cold_start(faces)]
