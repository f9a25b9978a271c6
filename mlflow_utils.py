"""The public tracking API, for flows, jobs and scripts: ``from mlflow_utils import MLflowTracker``.

docs/mlflow.md tells how it behaves, and examples/ shows it at work.
"""

from __future__ import annotations

from attendance.settings import DEFAULT_TRACKING_URI, tracking_uri
from attendance.tracking.runs import RunInfo, TrackedRun
from attendance.tracking.tracker import MLflowTracker

__all__ = ["DEFAULT_TRACKING_URI", "MLflowTracker", "RunInfo", "TrackedRun", "tracking_uri"]
