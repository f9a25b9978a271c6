"""The finished report of a measurement: plain numbers and sentences, for the command line, the page and whoever logs it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from attendance.domain.resampling import Rate


@dataclass(frozen=True, slots=True)
class Equal:
    """Equal error rate with its 95 % interval, and the threshold (L2)."""

    rate: float
    low: float
    high: float
    threshold: float


@dataclass(frozen=True, slots=True)
class AtFmr:
    """FNMR at an FMR; ``threshold`` and ``fnmr`` are None where too few comparisons were made to say it."""

    fmr: float
    threshold: float | None
    fnmr: Rate | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Identification:
    """Searches (1:N) at the present threshold.

    Attributes:
        people: enrolled in all.
        searched_among: how many a stranger was searched among.
        pictures, searched: that there are, and that were searched for.
        fpir: of searches for strangers.
        fnir: of searches for people who are enrolled; None where nobody has two pictures.
        never_right: of these, how many name the right person at no threshold, since somebody else is nearer or as near.
    """

    people: int
    searched_among: int
    pictures: int
    searched: int
    fpir: Rate
    fnir: Rate | None
    never_right: int


@dataclass(frozen=True, slots=True)
class Target:
    """The FPIR that is wanted.

    Attributes:
        fpir: 0 to 1.
        threshold: the largest that meets it at today's number of people; None where it can't be said.
        needed: searches that it takes to say.
        searches: that were made.
        free: the nearest distance at which a search named somebody: a smaller threshold named nobody. At most 2.
        sentence: the same in words.
        people_until: up to how many people the present threshold meets it; None where it can't be said.
        warning: the present threshold is too loose, or becomes so with more people.
        growth: the same in words.
    """

    fpir: float
    threshold: float | None
    needed: int
    searches: int
    free: float
    sentence: str
    people_until: float | None
    warning: bool
    growth: str


@dataclass(frozen=True, slots=True)
class Curves:
    """Rates at each threshold, in steps of 0.005, with the ends of their 95 % intervals."""

    thresholds: tuple[float, ...]
    fmr: tuple[float, ...]
    fmr_low: tuple[float, ...]
    fmr_high: tuple[float, ...]
    fnmr: tuple[float, ...]
    fnmr_low: tuple[float, ...]
    fnmr_high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Between each two edges, the share of the genuine and of the impostor distances."""

    edges: tuple[float, ...]
    genuine: tuple[float, ...]
    impostor: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where comparisons came from, how many there are, and how many are errors at the threshold."""

    name: str
    genuine: int
    impostor: int
    false_non_matches: int
    false_matches: int


@dataclass(frozen=True, slots=True)
class Data:
    """What was measured on.

    Attributes:
        people: with a picture that can be used.
        people_with_several: with two or more, so that there are genuine comparisons of them.
        pictures: that can be used.
        left_out: why others are in no comparison, with how many.
        failures: failures to acquire: reason and how many; empty for pictures that were enrolled.
        tried: pictures that were looked at.
        failure_to_acquire: share of them, 0 to 1.
        digest: SHA-256 over whose and which pictures they are.
        attempts: reviewed attempts among the comparisons.
        rounded_to: 0 where distances are exact, else the step to which they were counted.
    """

    people: int
    people_with_several: int
    pictures: int
    left_out: Mapping[str, int]
    failures: Mapping[str, int]
    tried: int
    failure_to_acquire: float
    digest: str
    attempts: int
    rounded_to: float


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """Everything that was measured with one model, one set of options and one threshold.

    Attributes:
        kind: ``calibration`` (what is enrolled) or ``evaluation`` (any pictures).
        made_at_utc: when.
        model_id, family, options, ambiguity_ratio, threshold: with what; the threshold is an L2 distance.
        sources: of the comparisons.
        fmr, fnmr: at the threshold.
        far, frr: the same of whole attempts, failures to acquire included.
        notes: what else has to be known, one sentence each.
    """

    kind: str
    made_at_utc: datetime
    model_id: str
    family: str
    options: Mapping[str, Any]
    ambiguity_ratio: float
    threshold: float
    data: Data
    sources: tuple[Source, ...]
    fmr: Rate
    fnmr: Rate
    far: float
    frr: float
    equal: Equal
    at_fmr: tuple[AtFmr, ...]
    identification: Identification | None
    target: Target | None
    curves: Curves
    det: tuple[tuple[float, float], ...]
    histogram: Histogram
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, by the names of the fields."""
        return {"measured": True, **asdict(self)}

    def parameters(self) -> dict[str, Any]:
        """With what it was measured, flat: for a table of runs."""
        given = {"model_id": self.model_id, "threshold": self.threshold, "ambiguity_ratio": self.ambiguity_ratio}
        return {**given, **self.options}

    def metrics(self) -> dict[str, float]:
        """What came out, flat: for a table of runs; what can't be said is not in it."""
        found: dict[str, float | None] = {
            "fmr": self.fmr.rate,
            "fmr_low": self.fmr.low,
            "fmr_high": self.fmr.high,
            "fnmr": self.fnmr.rate,
            "fnmr_low": self.fnmr.low,
            "fnmr_high": self.fnmr.high,
            "eer": self.equal.rate,
            "eer_threshold": self.equal.threshold,
            "fta": self.data.failure_to_acquire,
            "far": self.far,
            "frr": self.frr,
            "genuine_comparisons": self.fnmr.of,
            "impostor_comparisons": self.fmr.of,
            "people": self.data.people,
            "pictures": self.data.pictures,
        }
        for one in self.at_fmr:
            found[f"fnmr_at_fmr_{one.fmr:.0e}".replace("e-0", "e-")] = one.fnmr.rate if one.fnmr else None
        if self.identification is not None:
            found["fpir"] = self.identification.fpir.rate
            found["fnir"] = self.identification.fnir.rate if self.identification.fnir else None
        if self.target is not None:
            found["threshold_for_target_fpir"] = self.target.threshold
        return {name: float(value) for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class TooLittle:
    """There is too little to measure; ``sentence`` says what is missing."""

    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"measured": False, "sentence": self.sentence}
