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
from attendance.domain.records import (
    Attempt,
    AuditEntry,
    CheckIn,
    Kept,
    NewReference,
    Numbered,
    Person,
    PersonTemplates,
    RecordFilter,
    Reference,
)
from attendance.domain.vocabulary import Decision, Mode, Outcome, PersonStatus, Reason, Review

__all__ = [
    "Attempt",
    "AuditEntry",
    "Box",
    "Candidate",
    "Capture",
    "CheckIn",
    "Decision",
    "Face",
    "Kept",
    "Mode",
    "ModelInfo",
    "NewReference",
    "Numbered",
    "Outcome",
    "Person",
    "PersonStatus",
    "PersonTemplates",
    "Quality",
    "Reason",
    "RecognitionOptions",
    "RecordFilter",
    "Reference",
    "Review",
    "Verdict",
    "distance_l2",
]
