"""A fresh process to its first decision: a picture on stdin, what was decided and the peak memory as JSON on stdout."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from attendance.domain.matching import verify
from attendance.domain.model import Candidate, ModelInfo, RecognitionOptions
from attendance.faces.engine import Engine
from attendance.faces.facenet import FaceNetEmbedder
from attendance.faces.mtcnn import MtcnnDetector
from attendance.faces.quality import Gate

models = Path(sys.argv[1])
options = RecognitionOptions(use_alignment=False, use_tta_flip=False)
model = ModelInfo("facenet/bench", "facenet", 512, "onnxruntime", "random weights", 0.70)
engine = Engine(
    MtcnnDetector(next(models.glob("mtcnn-*")), threads=2),
    FaceNetEmbedder(models / "facenet-random.onnx", model, options, threads=2),
    options,
    Gate(),
    max_bytes=20_000_000,
    max_pixels=64_000_000,
)
capture = engine.capture(sys.stdin.buffer.read())
if capture.embedding is None:
    raise SystemExit(f"no decision: {capture.refusal}")
distance = float(np.linalg.norm(capture.embedding - np.eye(512, dtype=np.float32)[0]))
verdict = verify(Candidate("somebody", distance, "picture"), model.threshold)
# Not ru_maxrss, which begins with the peak of the process that started this one.
status = Path("/proc/self/status").read_text(encoding="utf-8")
peak_mb = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))) / 1024
print(json.dumps({"decision": verdict.decision, "peak_mb": peak_mb, "torch": "torch" in sys.modules}))
