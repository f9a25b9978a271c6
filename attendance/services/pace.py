"""How often the sender of attempts looks, how much it sends at a time, and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass

from attendance.services.turn import LASTS_S


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how much; seconds.

    Attributes:
        batch: attempts that are sent at a time.
        batches: of them in one round, after which others get their turn.
        look_s: how often the store is asked for new attempts, which nobody who checks in has to tell of.
        first_s, longest_s: the pause after a first failure, which doubles with each further one, and where that ends.
        dataset_s: for so long the enrolled pictures and people are not counted again.
        summarise_s: the least time between two summaries of a session; it grows with what the last one took.
        finish_s: how often sessions that ended are looked for.
        stop_s: how long the end of the server may wait.
    """

    batch: int = 100
    batches: int = 20
    look_s: float = 1.0
    first_s: float = 1.0
    longest_s: float = 60.0
    dataset_s: float = 10.0
    summarise_s: float = 10.0
    finish_s: float = 10.0
    stop_s: float = 5.0
    turn_s: float = LASTS_S
