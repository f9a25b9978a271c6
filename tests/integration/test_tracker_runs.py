"""Runs within runs, in threads and in tasks, and how they end: on a real SQLite store."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from mlflow_utils import MLflowTracker
from tests.tracked_runs import runs_of

if TYPE_CHECKING:
    from mlflow import MlflowClient


def test_nested_runs_are_children_and_calls_go_to_the_innermost(tracker: MLflowTracker, client: MlflowClient) -> None:
    with tracker.start_run("parent") as parent:
        tracker.log_metric("at", 1)
        with tracker.start_run("child", nested=True) as child:
            tracker.log_metric("at", 2)
            with tracker.start_run("grandchild", nested=True):
                tracker.log_metric("at", 3)
        tracker.log_metric("after", 1)
    runs = runs_of(client, tracker)
    assert {name: run.data.metrics for name, run in runs.items()} == {
        "parent": {"at": 1.0, "after": 1.0},
        "child": {"at": 2.0},
        "grandchild": {"at": 3.0},
    }
    assert runs["child"].data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert runs["grandchild"].data.tags["mlflow.parentRunId"] == child.info.run_id
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


@pytest.mark.parametrize(
    ("leaves", "status"),
    [
        (ValueError("wrong"), "FAILED"),
        (KeyboardInterrupt(), "KILLED"),
        (asyncio.CancelledError(), "KILLED"),
        (SystemExit(3), "FAILED"),
        (SystemExit(0), "FINISHED"),
    ],
)
def test_what_leaves_the_block_decides_the_status_and_goes_on(
    tracker: MLflowTracker, client: MlflowClient, leaves: BaseException, status: str
) -> None:
    def job() -> None:
        with tracker.start_run("left"):
            tracker.log_metric("before", 1)
            raise leaves

    with pytest.raises(type(leaves)) as caught:
        job()
    assert caught.value is leaves
    assert tracker.flush(20)
    (run,) = runs_of(client, tracker).values()
    assert run.info.status == status
    assert run.data.metrics == {"before": 1.0}


def test_threads_have_runs_of_their_own(tracker: MLflowTracker, client: MlflowClient, said: list[Any]) -> None:
    together = threading.Barrier(6)

    def work(number: int) -> None:
        with tracker.start_run(f"thread {number}"):
            together.wait()
            for step in range(50):
                tracker.log_metric("number", number, step=step)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    runs = runs_of(client, tracker)
    assert len(runs) == 6
    for number in range(6):
        run = runs[f"thread {number}"]
        assert "mlflow.parentRunId" not in run.data.tags
        assert [metric.value for metric in client.get_metric_history(run.info.run_id, "number")] == [number] * 50
    assert said == []


def test_a_nested_run_of_a_thread_is_a_child_of_the_open_run(tracker: MLflowTracker, client: MlflowClient) -> None:
    def work(number: int) -> None:
        with tracker.start_run(f"part {number}", nested=True):
            tracker.log_metric("number", number)

    with tracker.start_run("whole") as whole, ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    runs = runs_of(client, tracker)
    assert {runs[f"part {number}"].data.tags["mlflow.parentRunId"] for number in range(3)} == {whole.info.run_id}


def in_a_pool(tracker: MLflowTracker, name: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda number: tracker.log_metric(name, number, step=number), range(20)))


def test_the_threads_of_a_pool_log_to_the_run_that_is_open_innermost(
    tracker: MLflowTracker, client: MlflowClient, said: list[Any]
) -> None:
    def piece() -> None:
        with tracker.start_run("piece", nested=True):
            tracker.set_tag("own", "yes")

    with tracker.start_run("whole"):
        in_a_pool(tracker, "before")
        with tracker.start_run("part", nested=True) as part, ThreadPoolExecutor(1) as pool:
            in_a_pool(tracker, "within")
            pool.submit(piece).result()
        in_a_pool(tracker, "after")
    runs = runs_of(client, tracker)
    assert {name: set(run.data.metrics) for name, run in runs.items()} == {
        "whole": {"before", "after"},
        "part": {"within"},
        "piece": set(),
    }
    for name, metric in (("whole", "before"), ("part", "within"), ("whole", "after")):
        assert sorted(one.step for one in client.get_metric_history(runs[name].info.run_id, metric)) == list(range(20))
    assert runs["piece"].data.tags["mlflow.parentRunId"] == part.info.run_id
    assert said == []


def test_a_thread_without_a_run_logs_to_nobodys_while_several_are_open(
    tracker: MLflowTracker, client: MlflowClient, said: list[Any]
) -> None:
    begun, enough = threading.Barrier(3), threading.Event()

    def work(name: str) -> None:
        with tracker.start_run(name):
            begun.wait()
            enough.wait()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    begun.wait()
    in_a_pool(tracker, "stray")
    enough.set()
    for thread in threads:
        thread.join()
    tracker.log_metric("stray", 1)
    assert {name: run.data.metrics for name, run in runs_of(client, tracker).items()} == {"one": {}, "two": {}}
    assert [(entry["event"], entry["call"]) for entry in said] == [("tracking_no_active_run", "log_metric")] * 2
    why = [entry["why"] for entry in said]
    assert why == ["outside start_run; which of the open runs is meant is unclear", "outside start_run"]


def test_a_task_outside_a_run_is_not_given_the_run_of_another_task(
    tracker: MLflowTracker, client: MlflowClient, said: list[Any]
) -> None:
    async def both() -> None:
        begun, enough = asyncio.Event(), asyncio.Event()

        async def inside() -> None:
            with tracker.start_run("inside"):
                begun.set()
                await enough.wait()

        task = asyncio.create_task(inside())
        await begun.wait()
        tracker.log_metric("stray", 1)
        enough.set()
        await task

    asyncio.run(both())
    assert runs_of(client, tracker)["inside"].data.metrics == {}
    assert [entry["event"] for entry in said] == ["tracking_no_active_run"]


def test_asyncio_tasks_have_runs_of_their_own(tracker: MLflowTracker, client: MlflowClient) -> None:
    async def task(number: int) -> None:
        with tracker.start_run(f"task {number}"):
            await asyncio.sleep(0)
            tracker.log_metric("number", number)
            await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(task(1), task(2))

    asyncio.run(both())
    assert {name: run.data.metrics for name, run in runs_of(client, tracker).items()} == {
        "task 1": {"number": 1.0},
        "task 2": {"number": 2.0},
    }


def test_two_trackers_do_not_mix(tracker: MLflowTracker, client: MlflowClient, uri: str) -> None:
    other = MLflowTracker(tracker.experiment_name + " other", uri)
    with tracker.start_run("mine"), other.start_run("theirs"):
        tracker.log_metric("mine", 1)
        other.log_metric("theirs", 1)
    assert runs_of(client, tracker)["mine"].data.metrics == {"mine": 1.0}
    assert runs_of(client, other)["theirs"].data.metrics == {"theirs": 1.0}
