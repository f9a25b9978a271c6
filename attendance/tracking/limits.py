"""How long anything of the tracking may take, and how much may wait: every number in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one destination (one tracking URI).

    Attributes:
        queue_entries: calls that may wait in memory; what comes on top is dropped and counted. About 10 MB.
        spool_bytes: copies of artifacts that may wait on the disk.
        call_s: seconds after which the sender gives up one request; MLflow's own default is 120, five times over.
        artifact_s: the same for an upload.
        probe_s: seconds in which a server has to accept a connection, and to answer, asked once, before mlflow is imported;
            a server that needs a second for each answer is there.
        retry_first_s: the pause after a first failure; it doubles with each further one.
        retry_longest_s: where the doubling ends.
        look_s: how often, within longer pauses, a server that is away is asked whether it is there again.
        retries_alone: so many failures of one call, while the server answers others, and it is given up.
        start_s: how long those who wait grant the import of mlflow and the making of a new database, once a process.
        lock_s: how long another process may hold a local file before it counts as away; honest writers take milliseconds.
        write_s: the longest that the end of an outermost run waits for a local file; a server is never waited for there.
        id_s: the longest that asking for a run's id may wait, which the server alone knows.
        silence_s: both end earlier where a request has gone without an answer for so long, from a disk that hangs too.
        fork_s: how long a fork may wait for a request that is under way to a server.
        exit_s: the longest that the end of the process may wait for a local file.
        exit_lock_s: the same where it is locked or cannot be written, after which what waits is lost.
        exit_answering_s: the same for a server, as long as it answers.
        exit_silence_s: the same as silence_s, at the end of the process.
        upload_silence_s: the same for an upload, in which a server has nothing to say until it is over.
        sink_s: the same as call_s for the attempts' own sender, uploads included; it is tried again from the start.
    """

    queue_entries: int = 20_000
    spool_bytes: int = 256_000_000
    call_s: float = 10.0
    artifact_s: float = 60.0
    probe_s: float = 2.0
    retry_first_s: float = 0.5
    retry_longest_s: float = 30.0
    look_s: float = 1.0
    retries_alone: int = 8
    start_s: float = 30.0
    lock_s: float = 0.2
    write_s: float = 5.0
    id_s: float = 5.0
    silence_s: float = 2.0
    fork_s: float = 1.0
    exit_s: float = 10.0
    exit_lock_s: float = 1.0
    exit_answering_s: float = 30.0
    exit_silence_s: float = 3.0
    upload_silence_s: float = 10.0
    sink_s: float = 5.0


LIMITS = Limits()
