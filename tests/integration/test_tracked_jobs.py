"""Exports, restores and validations as MLflow runs, read back from real stores; with servers that are away or hang, from the
nightly script with nothing in its environment, and from the stages."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from attendance.bootstrap.tracked_jobs import EXPERIMENT, job
from attendance.domain.model import RecognitionOptions
from attendance.faces.files import sha256_of
from attendance.faces.gallery import MatrixGallery
from attendance.services.error_report import ErrorReport
from attendance.services.evaluate import Combination, evaluate
from attendance.services.import_folder import scan
from attendance.services.import_report import ImportReport
from attendance.services.measurement import Setting
from attendance.settings import load
from attendance.store.connect import connect
from attendance.tracking import destinations
from attendance.tracking.client import open_client
from tests.cli_shell import Shell
from tests.export_makers import contents, fill
from tests.fakes import FakeEngine, picture
from tests.real_server import free_port
from tests.store_makers import MODEL, person, reference
from tests.tracked_runs import own_tags
from tests.versions_place import ROOT, make_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlflow.entities import Run

    from tests.mlflow_server import MlflowServer

EXPORT = "data/mongodb_export"


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], model_dir: Path
) -> Iterator[Shell]:
    """Where three people are registered, and the one time zone in which it is tomorrow for most of the day."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    settings = {"ATTEND_MODEL_DIR": str(model_dir), "ATTEND_ACCELERATE": "0", "ATTEND_TIMEZONE": "Pacific/Kiritimati"}
    made = Shell(tmp_path, monkeypatch, capfdbinary, **settings)
    with_people(tmp_path / "attendance.db")
    yield made
    destinations.close_all()


def with_people(database: Path) -> None:
    store = connect(f"sqlite:///{database}", timeout_s=10)
    fill(store)
    store.close()


def runs(folder: Path) -> list[Run]:
    """Those of the jobs, the first one first."""
    assert (folder / "mlflow.db").exists()
    client = open_client(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"]))


def door(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The export's door as a process of its own, in ``folder``."""
    command = [sys.executable, str(ROOT / "export_mongodb_for_dvc.py"), *words]
    environment = {**os.environ, **settings}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_nothing_is_tracked_unless_it_is_asked_for(shell: Shell, tmp_path: Path) -> None:
    shell("tracking", "on")  # the switch for attempts
    assert shell("export").code == 0
    assert shell("restore", EXPORT).code == 0
    assert shell("validate", EXPORT).code == 0
    look = "import sys; from attendance.cli import main; sys.exit(main(['export']) or ('mlflow' in sys.modules) * 99)"
    assert subprocess.run([sys.executable, "-c", look], cwd=tmp_path, capture_output=True, check=False).returncode == 0
    assert not (tmp_path / "mlflow.db").exists()


def test_an_export_says_what_it_holds_how_long_it_took_and_whether_it_changed(shell: Shell, tmp_path: Path) -> None:
    assert shell("export", "--output-dir", "plain").code == 0
    before = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()
    first = shell("export", "--track", "--json")
    assert (first.code, first.document["counts"]["pictures"]) == (0, 9)
    assert contents(tmp_path / EXPORT) == contents(tmp_path / "plain"), "the same bytes"
    assert shell("export", "--track", "--dry-run").code == 0
    assert shell("export", "--track").code == 0
    made, quiet = runs(tmp_path)
    assert (made.info.status, quiet.info.status) == ("FINISHED", "FINISHED")
    assert (made.data.tags["outcome"], quiet.data.tags["outcome"]) == ("changed", "unchanged")
    given = made.data.params
    assert given["trade_date"] in {str(before), str(datetime.now(ZoneInfo("Pacific/Kiritimati")).date())}
    assert (given["folder"], given["store"]) == (EXPORT, f"sqlite:///{tmp_path}/attendance.db")
    counts = {name: int(given[f"partition_{name}"]) for name in ("people", "pictures", "attempts", "attendance", "audit")}
    assert counts == first.document["counts"]
    assert (given["partition_people_added"], given["partition_pictures_added"]) == ("3", "9")
    assert quiet.data.params["partition_pictures_added"] == "0"
    assert made.data.metrics["row_count"] == sum(counts.values())
    assert 0 < made.data.metrics["duration_seconds"] < 100
    digest = sha256_of(tmp_path / EXPORT / "manifest.json")
    assert {made.data.tags["export_digest"], quiet.data.tags["export_digest"]} == {digest}
    assert own_tags(made).keys() == {"kind", "site", "outcome", "export_digest", "data_digest"}
    assert "Lovelace" not in str(made.to_dictionary()), "nobody's name is sent"


def test_an_export_and_an_evaluation_of_its_pictures_have_one_digest(
    tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = connect("sqlite:///pictures.db", timeout_s=10)
    for number, name in enumerate(("Ada", "Grace/Hopper", "Émilie", "con")):
        pictures = [reference(picture(number, variant)) for variant in range(3)]
        store.add_person(person(name), [*pictures, reference(f"not a picture {number}")], MODEL)
    store.close()
    monkeypatch.setenv("ATTEND_STORE_URL", "sqlite:///pictures.db")
    assert shell("export", "--track").code == 0
    engine, options = FakeEngine(), RecognitionOptions()
    one = Combination(options, Setting(engine.model, options.as_dict(), 0.05), engine)
    report = evaluate(scan(tmp_path / EXPORT / "images", ImportReport()), [one], MatrixGallery).reports[0]
    assert isinstance(report, ErrorReport)
    assert report.data.pictures == 12
    (run,) = runs(tmp_path)
    assert run.data.tags["data_digest"] == report.data.digest


def test_restore_and_validation_are_runs_and_a_refusal_is_a_failed_one(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shell("export").code == 0
    monkeypatch.setenv("ATTEND_TRACKING_JOBS", "true")
    monkeypatch.setenv("ATTEND_STORE_URL", f"sqlite:///{tmp_path}/other.db")
    assert shell("restore", EXPORT).code == 0
    assert shell("validate", EXPORT, "--no-track").code == 0
    assert shell("validate", EXPORT).code == 0
    next((tmp_path / EXPORT).glob("images/*/*.jpg")).write_bytes(b"something else")
    damaged = shell("validate", EXPORT).code
    assert damaged == shell("validate", EXPORT, "--no-track").code == 1
    refused = shell("restore", EXPORT).code
    assert refused == shell("restore", EXPORT, "--no-track").code == 8
    restored, whole, broken, failed = runs(tmp_path)
    assert [one.data.tags["kind"] for one in (restored, whole, broken, failed)] == [
        "restore",
        "validation",
        "validation",
        "restore",
    ]
    assert [one.data.tags["outcome"] for one in (restored, whole, broken, failed)] == [
        "changed",
        "whole",
        "damaged",
        "failed",
    ]
    assert [one.info.status for one in (restored, whole, broken, failed)] == ["FINISHED", "FINISHED", "FINISHED", "FAILED"]
    assert (restored.data.params["partition_people_added"], restored.data.params["partition_pictures_added"]) == ("3", "9")
    assert whole.data.params["partition_undecodable"] == "9"
    assert broken.data.params["partition_damaged"] == "1"
    assert len({one.data.tags["export_digest"] for one in (restored, whole, broken)}) == 1
    assert failed.data.tags["error"] == "ExportError"
    assert "export_digest" not in failed.data.tags


def test_a_job_that_fails_is_a_failed_run_without_the_password(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTEND_STORE_URL", f"mongodb://ann:hunter2@127.0.0.1:{free_port()}/attend?authSource=admin")
    monkeypatch.setenv("ATTEND_STORE_TIMEOUT_S", "0.5")
    plain, tracked = shell("export", "--json"), shell("export", "--track", "--json")
    assert tracked.code == plain.code == 6
    assert tracked.document["error"] == "StoreUnavailableError"
    (run,) = runs(tmp_path)
    assert (run.info.status, run.data.tags["outcome"]) == ("FAILED", "failed")
    assert run.data.tags["error"] == "StoreUnavailableError"
    assert run.data.params["store"].startswith("mongodb://***@127.0.0.1:")
    assert run.data.params["trade_date"]
    assert run.data.metrics["duration_seconds"] > 0
    assert "row_count" not in run.data.metrics
    everything = (tmp_path / "mlflow.db").read_bytes()
    assert b"hunter2" not in everything
    assert b"authSource" not in everything


def test_an_export_that_is_interrupted_is_a_killed_run_and_nothing_is_sent_beside_it(shell: Shell, tmp_path: Path) -> None:
    beside: set[str] = set()

    def interrupted() -> None:
        with job("export", load(), tmp_path / EXPORT, track=True):
            beside.update(one.name for one in threading.enumerate())
            raise KeyboardInterrupt

    assert shell("export").code == 0
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "attend-tracking" not in beside
    assert "attend-tracking" in {one.name for one in threading.enumerate()}
    destinations.close_all()  # as at the end of the process
    (run,) = runs(tmp_path)
    assert (run.info.status, run.data.tags["error"]) == ("KILLED", "KeyboardInterrupt")


def test_a_server_gets_it_before_the_process_ends(shell: Shell, tmp_path: Path, server: MlflowServer) -> None:
    assert door(tmp_path, ATTEND_TRACKING_JOBS="1", MLFLOW_TRACKING_URI=server.url).returncode == 0
    (run,) = runs(server.folder)
    assert (run.info.status, run.data.tags["outcome"], run.data.params["partition_pictures"]) == ("FINISHED", "changed", "9")
    assert shell("export", "--json").document["changed"] is False
    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize("how", ["away", "hung"])
def test_a_server_that_is_away_or_hangs_does_not_hold_up_an_export(shell: Shell, tmp_path: Path, how: str) -> None:
    with socket.socket() as hung:
        hung.bind(("127.0.0.1", 0))
        hung.listen(8)  # takes connections, and never says a word
        port = hung.getsockname()[1] if how == "hung" else free_port()
        done = door(tmp_path, "--track", "--json", MLFLOW_TRACKING_URI=f"http://ann:hunter2@127.0.0.1:{port}")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["pictures"] == 9
    assert shell("export", "--output-dir", "plain").code == 0
    assert contents(tmp_path / EXPORT) == contents(tmp_path / "plain"), "the same bytes"
    said = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [one["event"] for one in said] == ["tracking_away", "tracking_calls_lost"]
    assert "hunter2" not in done.stderr


def test_with_the_setting_the_nightly_script_tracks_its_export(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    shutil.copy(ROOT / "export_mongodb_for_dvc.py", place.root / "export_mongodb_for_dvc.py")
    place.git("commit", "--quiet", "--all", "-m", "the real door")
    with_people(place.root / "data" / "attendance.db")
    place.put(".env", "ATTEND_TRACKING_JOBS=true\nATTEND_TIMEZONE=Europe/Stockholm\nATTEND_OFFLINE=1\n")
    for _ in range(2):
        done = place.nightly()
        assert (done.returncode, done.stderr) == (0, ""), place.log()
    assert place.git("status", "--porcelain") == ""
    first, quiet = runs(place.root)
    assert (first.data.tags["outcome"], quiet.data.tags["outcome"]) == ("changed", "unchanged")
    assert first.data.tags["export_digest"] == sha256_of(place.root / EXPORT / "manifest.json")
    place.put(".env", f"ATTEND_TRACKING_JOBS=true\nMLFLOW_TRACKING_URI=http://127.0.0.1:{free_port()}\n")
    assert place.nightly().returncode == 0, place.log()
    assert len(runs(place.root)) == 2


@pytest.mark.slow
def test_with_the_setting_the_stages_track_the_export_and_its_validation(tmp_path: Path, model_dir: Path) -> None:
    place = make_place(tmp_path)
    for name in ("export_mongodb_for_dvc.py", "dvc.yaml", "scripts/with_env.sh"):
        shutil.copy(ROOT / name, place.root / name)
    with_people(place.root / "data" / "attendance.db")
    place.put(".env", f"ATTEND_TRACKING_JOBS=true\nATTEND_OFFLINE=1\nATTEND_ACCELERATE=0\nATTEND_MODEL_DIR={model_dir}\n")
    place.tools.dvc("repro", "validate")
    exported, validated = runs(place.root)
    assert [one.data.tags["kind"] for one in (exported, validated)] == ["export", "validation"]
    assert exported.data.tags["export_digest"] == validated.data.tags["export_digest"]
    assert json.loads((place.root / "reports/validation.json").read_text())["whole"] is True
