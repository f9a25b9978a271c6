"""Where the files of a version lie in the repository; dvc.yaml and docs/dvc.md say the same."""

from typing import Final

DOOR: Final = "export_mongodb_for_dvc.py"
EXPORT: Final = "data/mongodb_export"
POINTER: Final = f"{EXPORT}.dvc"
METADATA: Final = f"{EXPORT}/metadata.json"
EXPORTED: Final = "reports/export.json"  # what was exported: metadata.json where git can see it
LOCK: Final = "dvc.lock"  # what the stages ran on
VALIDATION: Final = "reports/validation.json"
EVALUATION: Final = "reports/evaluation.json"
PLOTS: Final = "reports/plots"
OURS: Final = (POINTER, EXPORTED)
MEASURED: Final = (LOCK, VALIDATION, EVALUATION, PLOTS)
ALL: Final = (*OURS, *MEASURED)
DECIDES: Final = (
    "params.yaml",
    "dvc.yaml",
    *MEASURED,
)  # with changes of somebody's in these, measurements are not ours to commit
STAGES: Final = ("validate", "evaluate")
