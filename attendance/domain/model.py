"""Every record that the rooms pass to each other, under one name to import from."""

from __future__ import annotations

from attendance.domain.recognition import (
    Box,
    Candidate,
    Capture,
    Face,
    ModelInfo,
    Quality,
    RecognitionOptions,
    Verdict,
    distance_l2,
)
from attendance.domain.records import Attempt, AuditEntry, CheckIn, NewReference, Person, PersonTemplates, Reference
from attendance.domain.vocabulary import Decision, Mode, Outcome, PersonStatus, Reason

__all__ = [
    "Attempt",
    "AuditEntry",
    "Box",
    "Candidate",
    "Capture",
    "CheckIn",
    "Decision",
    "Face",
    "Mode",
    "ModelInfo",
    "NewReference",
    "Outcome",
    "Person",
    "PersonStatus",
    "PersonTemplates",
    "Quality",
    "Reason",
    "RecognitionOptions",
    "Reference",
    "Verdict",
    "distance_l2",
]
