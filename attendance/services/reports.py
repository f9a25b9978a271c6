"""What the office asks of the records: a day at a glance, pages of what fits a question, and all of it for a file.

Nothing here holds more than a page of records, or one day's check-ins, at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, TypeVar

from attendance.domain.model import Decision, Outcome, PersonStatus, RecordFilter, Review
from attendance.domain.names import name_key
from attendance.services.clock import now_utc
from attendance.services.report_rows import Directory, Result, Row, row_of_attempt, row_of_check_in
from attendance.services.words import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

    from attendance.domain.model import Attempt, CheckIn, Person
    from attendance.services.clock import Clock
    from attendance.store.base import Store

PAGE = 50  # lines of a page on the screen
LOT = 1_000  # records that are read at once where all of them are wanted
QUARTER_MIN = 15
# The hours that the arrivals are drawn over, so that days can be compared; wider where somebody came earlier or later.
OPENS_H, CLOSES_H = 6, 18

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """What is looked for.

    Attributes:
        attempts: every attempt; False: check-ins alone.
        first, last: local days, both included; None: no limit on that side.
        person: part of a name or a staff number.
        group: exactly this one; empty: any.
        result: None: any.
    """

    attempts: bool = False
    first: date | None = None
    last: date | None = None
    person: str = ""
    group: str = ""
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody's first check-in of a day. ``person`` is None where the one who came is no longer registered."""

    at: datetime
    name: str
    person: Person | None


@dataclass(frozen=True, slots=True)
class Day:
    """One day at a glance.

    Attributes:
        day: at the site.
        now: UTC; when this was true.
        is_today: whether it can still change by people arriving.
        arrivals: everybody who came, in the order of arrival, once each.
        expected: how many active people there are.
        missing: active people who have not come, by name.
        attempts, refused: how many, whatever the reason.
        disputed: check-ins of the day that somebody doubted and nobody has settled; they are not among the arrivals.
    """

    day: date
    now: datetime
    is_today: bool
    arrivals: tuple[Arrival, ...]
    expected: int
    missing: tuple[Person, ...]
    attempts: int
    refused: int
    disputed: int

    @property
    def present(self) -> int:
        """How many of the active people came."""
        return self.expected - len(self.missing)


class ReportService:
    """Reads the records; changes nothing.

    Args:
        store: where they are.
        zone: the site's; None is the machine's own.
        clock: what time it is.
    """

    def __init__(self, store: Store, zone: tzinfo | None = None, clock: Clock = now_utc) -> None:
        self._store = store
        self.zone = zone
        self._clock = clock

    def now(self) -> datetime:
        """In UTC."""
        return self._clock()

    def today(self) -> date:
        """The date at the site."""
        return self._clock().astimezone(self.zone).date()

    def directory(self) -> Directory:
        """Everybody who is registered."""
        return Directory(self._store.people())

    def day(self, day: date, directory: Directory) -> Day:
        """One day at a glance. A check-in that is disputed or void is nobody's arrival."""
        whole = self._filter(RecordQuery(first=day, last=day), directory)
        arrivals: dict[str, Arrival] = {}
        disputed = 0
        for check_in, attempt in self._each(self._store.check_in_page, whole, _time_of_check_in):
            review = attempt.review if attempt is not None else Review.NONE
            disputed += review is Review.DISPUTED
            if review in {Review.DISPUTED, Review.VOID}:
                continue
            # Newest first, so the earliest of each person is what stays.
            person = directory.find(check_in.person_id, check_in.matched_identity)
            key = check_in.person_id or (person.person_id if person else name_key(check_in.matched_identity))
            arrivals[key] = Arrival(check_in.timestamp, printable(check_in.matched_identity), person)
        active = [person for person in directory.people if person.status is PersonStatus.ACTIVE]
        now = self._clock()
        return Day(
            day=day,
            now=now,
            is_today=day == now.astimezone(self.zone).date(),
            arrivals=tuple(sorted(arrivals.values(), key=lambda one: one.at)),
            expected=len(active),
            missing=tuple(person for person in active if person.person_id not in arrivals),
            attempts=self._store.count_attempts(whole),
            refused=self._store.count_attempts(replace(whole, decision=Decision.REJECTED)),
            disputed=disputed,
        )

    def quarters(self, day: Day) -> list[tuple[str, int]]:
        """Arrivals by quarter hour of local time, ``("08:30", 14)``, without a gap from opening to closing."""
        counts: dict[int, int] = {}
        for arrival in day.arrivals:
            local = arrival.at.astimezone(self.zone)
            quarter = (local.hour * 60 + local.minute) // QUARTER_MIN
            counts[quarter] = counts.get(quarter, 0) + 1
        per_hour = 60 // QUARTER_MIN
        start = min([OPENS_H * per_hour, *(quarter // per_hour * per_hour for quarter in counts)])
        end = max([CLOSES_H * per_hour, *((quarter // per_hour + 1) * per_hour for quarter in counts)])
        return [(quarter_label(quarter), counts.get(quarter, 0)) for quarter in range(start, end)]

    def count(self, query: RecordQuery, directory: Directory) -> int:
        """How many records fit."""
        which = self._filter(query, directory)
        return self._store.count_attempts(which) if query.attempts else self._store.count_check_ins(which)

    def page(self, query: RecordQuery, directory: Directory, number: int) -> list[Row]:
        """The lines of one page, newest first; ``number`` counts from 1."""
        which, offset = self._filter(query, directory), (number - 1) * PAGE
        if query.attempts:
            return [row_of_attempt(one, directory) for one in self._store.attempt_page(which, limit=PAGE, offset=offset)]
        found = self._store.check_in_page(which, limit=PAGE, offset=offset)
        return [row_of_check_in(check_in, attempt, directory) for check_in, attempt in found]

    def rows(self, query: RecordQuery, directory: Directory) -> Iterator[Row]:
        """Every line that fits, newest first, read a lot at a time; what is added meanwhile is not among them."""
        which = self._filter(query, directory)
        if which.until is None:
            which = replace(which, until=self._clock() + timedelta(milliseconds=1))
        if query.attempts:
            for attempt in self._each(self._store.attempt_page, which, _time_of_attempt):
                yield row_of_attempt(attempt, directory)
        else:
            for check_in, left_by in self._each(self._store.check_in_page, which, _time_of_check_in):
                yield row_of_check_in(check_in, left_by, directory)

    def to_settle(self, limit: int = 20) -> list[Attempt]:
        """The newest attempts that somebody at the door doubted and nobody has settled."""
        return self._store.attempt_page(RecordFilter(review=Review.DISPUTED), limit=limit)

    def count_to_settle(self) -> int:
        """How many of them there are."""
        return self._store.count_attempts(RecordFilter(review=Review.DISPUTED))

    def _each(self, page: Callable[..., list[T]], which: RecordFilter, time_of: Callable[[T], datetime]) -> Iterator[T]:
        """Everything that fits, newest first.

        Each lot begins where the one before ended, by time, so that the last lot costs no more than the first; ``tied``
        counts those of the border's millisecond that have been given already.
        """
        tied = 0
        while lot := page(which, limit=LOT, offset=tied):
            yield from lot
            if len(lot) < LOT:
                return
            last = time_of(lot[-1])
            same = sum(time_of(one) == last for one in lot)
            until = last + timedelta(milliseconds=1)
            tied = tied + same if which.until == until else same
            which = replace(which, until=until)

    def _filter(self, query: RecordQuery, directory: Directory) -> RecordFilter:
        which = RecordFilter(
            since=self._midnight(query.first) if query.first else None,
            until=self._midnight(query.last + timedelta(days=1)) if query.last and query.last < date.max else None,
            person_ids=directory.matching(query.person, query.group),
        )
        match query.result:
            case Result.CHECKED_IN:
                return replace(which, outcome=Outcome.RECORDED)
            case Result.ALREADY:
                return replace(which, outcome=Outcome.ALREADY)
            case Result.NOT_RECOGNISED:
                return replace(which, decision=Decision.REJECTED)
            case Result.DISPUTED:
                return replace(which, review=Review.DISPUTED)
            case Result.VOID:
                return replace(which, review=Review.VOID)
        return which

    def _midnight(self, day: date) -> datetime:
        """The first instant of a local day, in UTC."""
        start = datetime.combine(day, time.min, tzinfo=self.zone)  # without a zone: the machine's own
        try:
            return start.astimezone(UTC)
        except OverflowError:  # the first and the last day that a calendar can hold
            return start.replace(tzinfo=UTC)


def quarter_label(quarter: int) -> str:
    """``08:30`` for the 34th quarter hour of a day."""
    return f"{quarter * QUARTER_MIN // 60:02d}:{quarter * QUARTER_MIN % 60:02d}"


def zone_name(zone: tzinfo | None, at: datetime) -> str:
    """What the times are in, for people: ``Europe/Stockholm``, or the machine's own zone by its abbreviation."""
    return str(zone) if zone is not None else f"this machine's time zone ({at.astimezone().tzname()})"


def _time_of_attempt(attempt: Attempt) -> datetime:
    return attempt.at_utc


def _time_of_check_in(entry: tuple[CheckIn, Attempt | None]) -> datetime:
    return entry[0].timestamp
