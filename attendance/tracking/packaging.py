"""The recogniser as an MLflow model: what is in it, its signature, its input example and what it needs installed."""

from __future__ import annotations

import base64
import json
import logging
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attendance.domain.recogniser import Recogniser

# What ``predict`` imports; MLflow itself needs pandas for its tables. The versions of this machine are written down.
NEEDS = ("mlflow-skinny", "pandas", "numpy", "onnxruntime", "opencv-python-headless", "pillow", "pillow-heif", "numba")
ROOMS = ("domain", "faces")
ALONE = ("__init__.py", "errors.py")
NOT_NEEDED = ("__pycache__", "export_*.py", "reference.py")


@dataclass(frozen=True, slots=True)
class Package:
    """What becomes a model.

    Attributes:
        recogniser: what is said of it.
        folder: with ``recogniser.json`` and the model files; its last part is ``recogniser``.
        script: the file that MLflow runs where the model is loaded.
        source: the folder of the package ``attendance``, of which the rooms that recognise are put into the model.
        example: a picture of nobody, for the input example.
        report: files of the calibration, by name; text without names of people.
    """

    recogniser: Recogniser
    folder: Path
    script: Path
    source: Path
    example: bytes
    report: Mapping[str, str]

    def params(self) -> dict[str, str]:
        """For MLflow's list of models."""
        one = self.recogniser
        given = {"model_id": one.model_id, "threshold": one.threshold, "ambiguity_ratio": one.ambiguity_ratio}
        return {name: str(value) for name, value in {**given, **one.options.as_dict()}.items()}

    def save(self, folder: Path) -> None:
        """Write the model; MLflow loads it once and asks it about the example, so one that cannot work is not registered."""
        with tempfile.TemporaryDirectory(prefix="attend-code-") as scratch, quiet():
            import mlflow.pyfunc
            import pandas as pd  # type: ignore[import-untyped]

            code = Path(scratch) / "attendance"
            for room in ROOMS:
                shutil.copytree(self.source / room, code / room, ignore=shutil.ignore_patterns(*NOT_NEEDED))
            for name in ALONE:
                shutil.copyfile(self.source / name, code / name)
            artifacts = {"recogniser": str(self.folder)}
            if self.report:
                calibration = Path(scratch) / "calibration"
                calibration.mkdir()
                for name, text in self.report.items():
                    (calibration / name).write_text(text, encoding="utf-8")
                artifacts["calibration"] = str(calibration)
            mlflow.pyfunc.save_model(
                path=str(folder),
                python_model=str(self.script),
                artifacts=artifacts,
                code_paths=[str(code)],
                signature=signature(),
                input_example=pd.DataFrame({"picture": [base64.b64encode(self.example).decode()]}),
                pip_requirements=[f"{name}=={metadata.version(name)}" for name in NEEDS],
                metadata={"recogniser": json.dumps(self.recogniser.as_dict())},
            )


def signature() -> Any:
    """What goes in and comes out; a picture may be bytes, base64 or a path, so its type is any."""
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, Array, ColSpec, DataType, Schema

    numbers = Array(DataType.double)
    outputs: list[tuple[Any, str]] = [
        (DataType.long, "faces"),
        (DataType.string, "reason"),
        (numbers, "box"),
        (DataType.double, "confidence"),
        (numbers, "embedding"),
        (DataType.string, "model_id"),
        (DataType.double, "threshold"),
        (DataType.string, "reference_reason"),
        (DataType.double, "distance_l2"),
        (DataType.boolean, "match"),
    ]
    anything = AnyType()  # type: ignore[no-untyped-call]  # MLflow's
    always = {"faces", "model_id", "threshold"}
    return ModelSignature(
        inputs=Schema([ColSpec(anything, "picture"), ColSpec(anything, "reference", required=False)]),
        outputs=Schema([ColSpec(kind, name, required=name in always) for kind, name in outputs]),
    )


class quiet:  # noqa: N801  # read as a statement
    """Within: MLflow's advice and progress bars are not shown."""

    def __enter__(self) -> None:
        self._caught = warnings.catch_warnings()
        self._caught.__enter__()
        warnings.simplefilter("ignore")
        self._before = logging.root.manager.disable
        logging.disable(logging.INFO)

    def __exit__(self, *_: object) -> None:
        logging.disable(self._before)
        self._caught.__exit__(None, None, None)
