"""Several thresholds tried on the same distances: a run for the comparison, with a child for each threshold.

    python examples/compare_thresholds.py

In `mlflow ui`, open the experiment "thresholds" and the run "comparison": its description holds the table. To see it drawn,
tick the children in the list and press Compare.
"""

from __future__ import annotations

import numpy as np

from mlflow_utils import MLflowTracker

THRESHOLDS = (0.45, 0.50, 0.55, 0.60)


def main() -> None:
    """Track what each threshold would do to made-up distances."""
    random = np.random.default_rng(7)
    genuine = random.normal(0.40, 0.06, 500)
    impostor = random.normal(0.80, 0.08, 5_000)
    tracker = MLflowTracker("thresholds")
    with tracker.start_run(run_name="comparison"):
        tracker.log_params({"genuine": genuine.size, "impostor": impostor.size, "distances": "synthetic"})
        table = "| threshold | FMR: strangers let in | FNMR: own people refused |\n| --- | --- | --- |\n"
        for step, threshold in enumerate(THRESHOLDS):
            fnmr = np.mean(genuine > threshold)
            fmr = np.mean(impostor <= threshold)
            with tracker.start_run(run_name=f"threshold {threshold:.2f}", nested=True):
                tracker.log_param("threshold", threshold)
                tracker.log_metrics({"fnmr": fnmr, "fmr": fmr})
            tracker.log_metrics({"fnmr": fnmr, "fmr": fmr}, step=step)
            table += f"| {threshold:.2f} | {fmr:.2%} | {fnmr:.2%} |\n"
        tracker.set_tag("mlflow.note.content", table)  # MLflow shows this tag as the run's description


if __name__ == "__main__":
    main()
