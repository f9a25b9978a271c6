"""The Versions page without a browser, with real git and real DVC: empty, saved, waiting, failed, without git."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import yaml
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from attendance.api.running import reset
from attendance.settings import Settings
from attendance.ui import versions_job
from attendance.versions import journal
from attendance.versions.history import versions
from tests.versions_place import Place, make_place, needs_git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def page() -> None:
    from attendance.ui.versions import versions_page

    versions_page()


@pytest.fixture(autouse=True)
def _server(tmp_path: Path, model_dir: Path) -> Iterator[None]:
    url = SecretStr(f"sqlite:///{tmp_path}/attendance.db")
    reset(Settings(store_url=url, model_dir=model_dir, timezone="Europe/Stockholm", offline=True, accelerate=False))
    versions_job.put_away()
    yield
    reset()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = make_place(tmp_path)
    monkeypatch.chdir(made.root)
    return made


def opened() -> AppTest:
    app = AppTest.from_function(page, default_timeout=120).run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.success, *app.error, *app.subheader]
    return "\n".join(str(one.value) for one in parts).replace("\\", "")


def press(app: AppTest, label: str) -> str:
    """Press, wait for the work in its thread, and look at the page again."""
    next(one for one in app.button if one.label == label).click().run()
    assert not app.exception
    job = versions_job.last()
    if job is None:  # it has ended, and the page has told how
        return said(app)
    job.wait(120)
    return said(app.run())


def test_save_from_the_page_then_what_the_version_holds_and_changed(place: Place) -> None:
    place.picture("Ann", 0)
    place.put("db/records.txt", "one")
    app = opened()
    assert "There is no version yet." in said(app)
    assert "There was no nightly run yet. `scripts/nightly_export.sh` saves a version every night" in said(app)
    text = press(app, "Save a version now")
    assert "A new version was committed to main: 1 person, 1 picture. 1 version pushed." in text
    assert "and is on the remote." in text
    assert "1 person, 1 picture (0.0 KB). The first version." in text
    assert "Error rates were not measured." in text
    assert "A run from this page, " in text
    place.picture("Ben", 0)
    place.picture("Ann", 1)
    place.put("db/records.txt", "two")
    assert "1 person and 2 pictures added, 1 person changed." in press(opened(), "Save a version now")
    assert "Nothing changed, so there is no new version." in press(opened(), "Save a version now")
    assert "2 versions, the newest first." in said(opened())


def test_a_failure_is_a_sentence_and_a_version_that_waits_can_be_pushed(place: Place, tmp_path: Path) -> None:
    place.picture("Ann", 0)
    (tmp_path / "origin.git").rename(tmp_path / "away")
    text = press(opened(), "Save a version now")
    assert "The push failed: " in text
    assert "1 version waits to be pushed: until then only this machine has it." in text
    (tmp_path / "away").rename(tmp_path / "origin.git")
    text = press(opened(), "Push")
    assert "Everything is on the remote." in text
    assert "and is on the remote." in text
    place.put("broken")
    assert "The database is away." in press(opened(), "Save a version now")


def test_a_version_whose_files_were_erased_is_told_as_such(place: Place, tmp_path: Path) -> None:
    for name in ("Ann", "Ben"):
        place.picture(name, 0)
        press(opened(), "Save a version now")
    lost = "Its files are neither here nor on the remote: they were erased, or never pushed."
    assert lost not in said(opened())
    place.tools.dvc("gc", "--workspace", "--cloud", "--force")
    assert [one.lost for one in versions(place.tools)] == [False, True]
    assert said(opened()).count(lost) == 1
    (tmp_path / "attend_dvc_storage").rename(tmp_path / "away")  # a disk that is not there has not lost anything
    assert lost not in said(opened())


def test_error_rates_are_those_that_were_committed_with_the_version(place: Place) -> None:
    place.picture("Ann", 0)
    place.put("data/mongodb_export/images/Ann/Ann_0.jpg")
    place.tools.dvc("add", "data/mongodb_export")
    place.put("reports/evaluation.json", '{"measured": true, "threshold": 0.53, "fmr": 0.001, "fnmr": 0.021, "eer": 0.01}')
    place.put("reports/export.json", '{"counts": {"people": 1, "attendance": 1204}}')
    place.git("add", "--all")
    place.git("commit", "--quiet", "-m", "by hand")
    text = said(opened())
    assert "FMR 0.1 %, FNMR 2.1 % at threshold 0.53; EER 1 %." in text
    assert "1 person, 1 picture, 1,204 check-ins" in text


def test_what_was_committed_with_an_older_version_is_not_said_of_this_one(place: Place) -> None:
    reports = {"evaluation": '{"fmr": 0.001, "fnmr": 0.021}', "export": '{"counts": {"people": 1, "attendance": 1204}}'}
    for number in range(2):
        place.put(f"data/mongodb_export/images/Ann/Ann_{number}.jpg", f"{number}")
        if number == 0:
            place.put("data/mongodb_export/metadata.json", reports["export"])
            for name, text in reports.items():
                place.put(f"reports/{name}.json", text)
        else:
            place.put("data/mongodb_export/metadata.json", '{"counts": {"people": 1, "attendance": 1300}}')
        place.tools.dvc("add", "data/mongodb_export")
        if number == 0:
            [out] = yaml.safe_load((place.root / "data/mongodb_export.dvc").read_text())["outs"]
            stage = {"cmd": "…", "deps": [{"path": "data/mongodb_export", "md5": out["md5"]}]}
            place.put("dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": {"validate": stage}}))
        place.git("add", "--all")
        place.git("commit", "--quiet", "-m", f"by hand {number}")
    new, old = versions(place.tools)
    assert (old.rates, old.counts) == ({"fmr": 0.001, "fnmr": 0.021}, {"people": 1, "attendance": 1204})
    assert (new.rates, new.counts, new.pictures) == ({}, {}, 2)
    assert "Error rates were not measured." in said(opened())


def test_the_nightly_run_and_its_log(place: Place) -> None:
    at = datetime(2026, 3, 2, 1, 15, tzinfo=UTC)
    journal.remember(place.root, journal.Run(at, "nightly", False, "The push failed: <b>no network</b>."))
    place.put("data/nightly.log", "== 2026-03-02\nThe push failed\n")
    journal.remember(place.root, journal.Run(at.replace(hour=9), "page", True, "Nothing changed."))
    app = opened()
    assert "The nightly run, 2 Mar 2026, 02:15" in said(app)
    assert "A run from this page, 2 Mar 2026, 10:15" in said(app)
    assert "The push failed: <b>no network</b>." in said(app)
    assert app.code[0].value == "== 2026-03-02\nThe push failed"


def test_without_a_repository_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_git()
    (tmp_path / "bare").mkdir()
    monkeypatch.chdir(tmp_path / "bare")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert "is no git repository, so there are no versions of it." in said(opened())


def test_without_git_or_dvc_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attendance.versions.commands.shutil.which", lambda *_, **__: None)
    assert "git is not installed." in said(opened())
    monkeypatch.setattr("attendance.versions.commands.shutil.which", lambda *_, **__: "/usr/bin/git")
    monkeypatch.setattr("attendance.versions.commands.find_spec", lambda _: None)
    assert "DVC is not installed." in said(opened())
