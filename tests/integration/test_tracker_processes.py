"""The tracking over the life of a process: its end, Ctrl-C, forks, and mlflow missing or broken."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from attendance.tracking import client as tracking_client
from attendance.tracking import destinations, limits, tracker
from attendance.tracking.client import open_client
from mlflow_utils import MLflowTracker
from tests.mlflow_server import MlflowServer

if TYPE_CHECKING:
    from mlflow.entities import Run

ROOT = Path(__file__).resolve().parents[2]
FIRST = "import sys\nfrom mlflow_utils import MLflowTracker\n"


def run_script(text: str, folder: Path, *arguments: str, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A script in a process of its own, with warnings as errors."""
    script = folder / "job.py"
    script.write_text(FIRST + textwrap.dedent(text))
    return subprocess.run(
        [sys.executable, "-W", "error", str(script), *arguments],
        cwd=folder,
        env={"PYTHONPATH": f"{path}:{ROOT}", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def runs_in(folder: Path, experiment: str = "e") -> dict[str, Run]:
    client = open_client(f"sqlite:///{folder}/mlflow.db")
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    runs = client.search_runs([found.experiment_id])
    assert max(Counter(str(run.info.run_name) for run in runs).values()) == 1
    return {str(run.info.run_name): run for run in runs}


def test_the_end_of_the_process_sends_what_waits_after_ctrl_c(tmp_path: Path) -> None:
    """Nothing waits at the end of a run that Ctrl-C ended, so all of it is the exit's work. The default URI, too."""
    done = run_script(
        """
        tracker = MLflowTracker("e")
        with tracker.start_run("stopped"):
            tracker.log_metric("m", 1)
            raise KeyboardInterrupt
        """,
        tmp_path,
    )
    assert done.returncode in {1, -signal.SIGINT}  # Python forgets why it ends when modules are imported at exit
    assert "tracking" not in done.stdout + done.stderr
    (run,) = runs_in(tmp_path).values()
    assert (run.info.status, run.data.metrics) == ("KILLED", {"m": 1.0})


FORKS = """
import multiprocessing, os
tracker = MLflowTracker("e")

def log_both(number):
    tracker.log_metric("child", number, step=number)
    with tracker.start_run(f"own {number}"):
        tracker.log_metric("m", number)

with tracker.start_run("parent"):
    for step in range(300):
        tracker.log_metric("before", step, step=step)
    if sys.argv[1] == "settled":
        tracker.flush(60)
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=log_both, args=(number,)) for number in (1, 2)]
    for child in children:
        child.start()
    pid = os.fork()
    if pid == 0:
        log_both(3)
        os._exit(0)
    for child in children:
        child.join()
    os.waitpid(pid, 0)
    tracker.log_metric("after", 1)
"""


@pytest.mark.parametrize("when", ["settled", "at once"])
def test_forked_children_log_for_themselves_and_send_nothing_of_their_parents(when: str, tmp_path: Path) -> None:
    done = run_script(FORKS, tmp_path, when)
    assert done.returncode == 0, done.stderr
    runs = runs_in(tmp_path)
    assert set(runs) == {"parent", "own 1", "own 2", "own 3"}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    client = open_client(f"sqlite:///{tmp_path}/mlflow.db")
    history = {key: client.get_metric_history(runs["parent"].info.run_id, key) for key in ("before", "child", "after")}
    assert [metric.step for metric in history["before"]] == list(range(300))
    assert sorted(metric.value for metric in history["child"]) == [1, 2, 3]
    assert [metric.value for metric in history["after"]] == [1]
    assert {number: runs[f"own {number}"].data.metrics["m"] for number in (1, 2, 3)} == {1: 1.0, 2: 2.0, 3: 3.0}


LOGS = """
tracker = MLflowTracker("e", sys.argv[1])
with tracker.start_run("r") as run:
    tracker.log_metric("m", 1)
print("mlflow" in sys.modules)
"""


def test_a_process_ends_soon_without_its_server_and_never_imports_mlflow_for_it(tmp_path: Path) -> None:
    began = time.monotonic()
    done = run_script(LOGS, tmp_path, "http://127.0.0.1:9")
    assert time.monotonic() - began < 30
    assert (done.returncode, done.stdout) == (0, "False\n") or "tracking_away" in done.stdout
    said = done.stdout + done.stderr
    assert said.count("tracking_away") == 1
    assert said.count("tracking_calls_lost") == 1


@pytest.mark.slow
def test_a_process_ends_soon_though_its_server_hangs(tmp_path: Path) -> None:
    server = MlflowServer(tmp_path / "server")
    server.start()
    try:
        server.signal(signal.SIGSTOP)
        began = time.monotonic()
        done = run_script(LOGS, tmp_path, server.url)
        assert done.returncode == 0
        assert time.monotonic() - began < limits.LIMITS.exit_s + 30
        assert (done.stdout + done.stderr).count("tracking_calls_lost") == 1
    finally:
        server.kill()


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.0, 0.2, 0.6, 1.2])
def test_a_kill_while_the_database_is_made_leaves_nothing_that_mlflow_refuses(tmp_path: Path, after_s: float) -> None:
    """In its place a database is whole; half of one is only ever beside it, and the next process begins anew."""
    text = """
    with MLflowTracker("e", "sqlite:///mlflow.db").start_run("killed") as run:
        run.info.run_id
    """
    script = tmp_path / "job.py"
    script.write_text(FIRST + textwrap.dedent(text))
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    process = subprocess.Popen([sys.executable, str(script)], cwd=tmp_path, env=environment)
    end = time.monotonic() + 120
    while not any(half.stat().st_size for half in tmp_path.glob(".mlflow.db.*.new")) and time.monotonic() < end:
        time.sleep(0.005)
    assert time.monotonic() < end
    time.sleep(after_s)
    process.kill()
    process.wait()
    with MLflowTracker("e", f"sqlite:///{tmp_path}/mlflow.db").start_run("afterwards") as run:
        assert run.info.run_id
    assert runs_in(tmp_path)["afterwards"].info.status == "FINISHED"
    assert not list(tmp_path.glob(".mlflow.db.*"))


def test_a_broken_mlflow_is_said_once_and_nothing_else_happens(tmp_path: Path) -> None:
    broken = tmp_path / "site" / "mlflow"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("import a_library_that_is_not_there")
    done = run_script(
        """
        for number in range(3):
            with MLflowTracker("e").start_run("r") as run:
                MLflowTracker("e").log_metric("m", 1)
                assert run.info.run_id is None
        """,
        tmp_path,
        path=tmp_path / "site",
    )
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).count("tracking_off") == 1


def test_without_mlflow_everything_does_nothing_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setattr(tracker, "_said_missing", False)
    monkeypatch.chdir(tmp_path)
    assert not tracking_client.installed()
    before = dict(destinations._workers)
    with capture_logs() as said:
        for _ in range(2):
            one = MLflowTracker("e")
            with one.start_run("r", tags={"a": 1}) as run:
                one.log_params({"p": 1})
                one.log_metric("m", 1)
                one.log_artifact("nowhere")
                one.log_execution_metadata(date="2025-01-01", row_count=1)
            one.set_tag("outside", 1)
            assert not run
            assert run.info.run_id is None
            assert run.info.status == "FINISHED"
            assert one.flush()
    assert [(entry["event"], entry["log_level"]) for entry in said] == [("tracking_off", "warning")]
    assert destinations._workers == before
    assert list(tmp_path.iterdir()) == []
