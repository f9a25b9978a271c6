"""The cron script with nothing in the environment, in a repository of its own, with real git and real DVC."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from attendance.versions.history import versions
from tests.versions_place import Place, clone, keeps, make_place, unwritable

if TYPE_CHECKING:
    from pathlib import Path

POINTER = "data/mongodb_export.dvc"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = make_place(tmp_path)
    made.picture("Ann", 0)
    return made


def test_a_version_is_committed_and_pushed_and_a_quiet_night_makes_none(place: Place, tmp_path: Path) -> None:
    first = place.nightly()
    assert (first.returncode, first.stderr) == (0, ""), place.log()
    assert place.git("log", "-1", "--format=%an <%ae> %s").startswith("Attend <attend@localhost> Export of ")
    assert place.git("status", "--porcelain") == ""
    assert place.git("rev-parse", "main") == place.git("rev-parse", "origin/main")
    second = place.nightly()
    assert second.returncode == 0, place.log()
    assert place.git("rev-list", "--count", "main") == "2"
    assert "Nothing changed" in place.log()
    other = clone(place, tmp_path / "other", tmp_path / "origin.git")
    other.tools.dvc("pull")
    assert keeps(other.root / "data/mongodb_export") == keeps(place.root / "data/mongodb_export")


def test_a_version_that_was_made_by_hand_gets_its_counts_and_is_no_other(place: Place) -> None:
    subprocess.run([sys.executable, "export_mongodb_for_dvc.py"], cwd=place.root, check=True, stdout=subprocess.DEVNULL)
    place.tools.dvc("add", "data/mongodb_export")
    place.git("add", POINTER)
    place.git("commit", "--quiet", "-m", "by hand")
    assert place.nightly().returncode == 0, place.log()
    assert place.git("log", "-1", "--format=%s").endswith(": counts and reports of the same data")
    assert place.git("show", "--name-only", "--format=", "main").split() == ["reports/export.json"]
    assert [one.subject for one in versions(place.tools)] == ["by hand"]


def test_what_somebody_is_working_on_stays_as_it_is(place: Place) -> None:
    place.put("notes.txt", "changed\n")
    place.put("staged.txt", "staged\n")
    place.git("add", "staged.txt")
    place.put("params.yaml", "recognition: {}\n")
    before = place.git("status", "--porcelain")
    done = place.nightly()
    assert done.returncode == 0, place.log()
    assert place.git("status", "--porcelain") == before
    assert place.git("show", "--name-only", "--format=", "main").split() == [POINTER, "reports/export.json"]


@pytest.mark.slow
def test_a_person_s_own_commits_are_not_published(place: Place) -> None:
    place.put("notes.txt", "mine\n")
    place.git("commit", "--quiet", "--all", "-m", "mine")
    assert place.nightly().returncode == 0, place.log()
    assert "mine" not in place.git("log", "--format=%s", "origin/main")
    assert place.git("show", f"origin/main:{POINTER}") == place.git("show", f"main:{POINTER}")
    place.picture("Ben", 0)
    assert place.nightly().returncode == 0, place.log()
    assert place.git("rev-list", "--count", "origin/main", "--", POINTER) == "2"
    place.git("-c", "rebase.autoStash=true", "pull", "--quiet", "--rebase", "origin", "main")
    assert place.git("log", "--format=%s", "origin/main..main") == "mine", "git sees that the versions are the same"


@pytest.mark.slow
def test_the_other_side_moved(place: Place, tmp_path: Path) -> None:
    other = clone(place, tmp_path / "other", tmp_path / "origin.git")
    other.put("theirs.txt")
    other.git("add", "--all")
    other.git("commit", "--quiet", "-m", "theirs")
    other.git("push", "--quiet")
    assert place.nightly().returncode == 0, place.log()
    subjects = place.git("log", "--format=%s", "origin/main").splitlines()
    assert subjects[0].startswith("Export of ")
    assert subjects[1] == "theirs"


@pytest.mark.slow
def test_without_a_branch_the_versions_have_one_of_their_own(place: Place) -> None:
    place.git("checkout", "--quiet", "--detach")
    head = place.git("rev-parse", "HEAD")
    assert place.nightly().returncode == 0, place.log()
    assert place.git("rev-parse", "HEAD") == head
    assert place.git("log", "-1", "--format=%s", "attend-versions").startswith("Export of ")
    assert place.git("rev-parse", "attend-versions") == place.git("rev-parse", "origin/attend-versions")
    assert place.nightly().returncode == 0
    assert place.git("rev-list", "--count", "attend-versions") == "2"


def test_in_the_middle_of_a_merge(place: Place) -> None:
    place.git("checkout", "--quiet", "-b", "side")
    place.put("notes.txt", "side\n")
    place.git("commit", "--quiet", "--all", "-m", "side")
    place.git("checkout", "--quiet", "main")
    place.put("notes.txt", "main\n")
    place.git("commit", "--quiet", "--all", "-m", "ours")
    with pytest.raises(Exception, match="merge"):
        place.git("merge", "side")
    assert place.nightly().returncode == 0, place.log()
    assert place.git("status", "--porcelain") == "UU notes.txt"


@pytest.mark.slow
def test_a_failed_push_is_made_up_for_with_nothing_lost(place: Place, tmp_path: Path) -> None:
    (tmp_path / "origin.git").rename(tmp_path / "origin.away")
    unwritable(tmp_path / "attend_dvc_storage")
    first = place.nightly()
    assert first.returncode == 8
    assert len(first.stderr.splitlines()) == 1, first.stderr
    assert "1 version will be pushed by the next run." in first.stderr
    place.picture("Ben", 0)
    assert place.nightly().returncode == 8
    (tmp_path / "origin.away").rename(tmp_path / "origin.git")
    (tmp_path / "attend_dvc_storage").unlink()
    third = place.nightly()
    assert third.returncode == 0, place.log()
    assert "2 versions pushed." in place.log()
    other = clone(place, tmp_path / "other", tmp_path / "origin.git")
    for version in other.git("rev-list", "main", "--", POINTER).split():
        other.git("checkout", "--quiet", version)
        other.tools.dvc("pull")
        assert (other.root / "data/mongodb_export/images/Ann/Ann_0.jpg").exists()


def test_failures_are_one_clear_line(place: Place) -> None:
    place.put("broken")
    done = place.nightly()
    assert done.returncode == 8
    assert done.stderr.startswith("nightly export failed: The export failed: The database is away. The log is ")
    assert len(done.stderr.splitlines()) == 1
    assert json.loads((place.root / "data/nightly.json").read_text())["done"] is False
    (place.root / "broken").unlink()
    with (place.root / ".dvc/tmp/attend-versions.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        locked = place.nightly()
    assert locked.returncode == 8
    assert "Another run is making a version in this folder." in locked.stderr
    assert place.git("rev-list", "--count", "main") == "1"


def test_without_the_packages_it_says_what_to_run(place: Place) -> None:
    (place.root / ".venv/bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')
    done = place.nightly()
    assert done.returncode == 127
    assert done.stderr.endswith(f"lacks the packages of the project; run make setup in {place.root}.\n")
    assert len(done.stderr.splitlines()) == 1


def test_nobody_else_can_read_what_is_kept_and_pulled(place: Place, tmp_path: Path) -> None:
    place.put("data/mongodb_export/images/Ann/Ann_0.jpg")
    before = os.umask(0o022)
    try:
        place.tools.dvc("add", "data/mongodb_export")
        place.tools.dvc("push")
        shutil.rmtree(place.root / "data/mongodb_export")
        place.tools.dvc("pull")
    finally:
        os.umask(before)
    tops = [place.root / ".dvc/cache", tmp_path / "attend_dvc_storage", place.root / "data/mongodb_export"]
    kept = [(path, path.stat().st_mode & 0o077) for top in tops for path in (top, *top.rglob("*")) if path.is_dir()]
    assert len(kept) > 6
    assert [path for path, others in kept if others] == []


@pytest.mark.slow
def test_an_empty_database_after_a_full_one_is_not_taken_for_the_truth(place: Place) -> None:
    assert place.nightly().returncode == 0
    (place.root / "db/images/Ann/Ann_0.jpg").unlink()
    done = place.nightly()
    assert done.returncode == 8
    assert "The database has nobody in it, and the last version had 1 person." in done.stderr


@pytest.mark.slow
def test_settings_name_the_author_the_branch_and_the_remotes(place: Place) -> None:
    place.put(".env", "ATTEND_VERSIONS_AUTHOR=Night Shift <night@example.org>\nATTEND_VERSIONS_BRANCH=exports\n")
    place.git("remote", "rename", "origin", "backup")
    done = place.nightly(ATTEND_VERSIONS_GIT_REMOTE="backup")
    assert done.returncode == 0, place.log()
    assert place.git("log", "-1", "--format=%an %ae", "backup/exports") == "Night Shift night@example.org"
    assert place.git("rev-list", "--count", "main") == "1"
    assert "git has no remote nowhere" in place.nightly(ATTEND_VERSIONS_GIT_REMOTE="nowhere").stderr


@pytest.mark.slow
def test_nobody_is_left_in_old_versions_after_the_documented_steps(place: Place, tmp_path: Path) -> None:
    place.picture("Ben", 0, "a picture of Ben")
    assert place.nightly().returncode == 0
    (place.root / "db/images/Ben/Ben_0.jpg").unlink()
    assert place.nightly().returncode == 0
    kept = [place.root / ".dvc/cache", tmp_path / "attend_dvc_storage"]
    assert all(b"a picture of Ben" in keeps(folder).values() for folder in kept), "until then old versions have it"
    place.tools.dvc("gc", "--workspace", "--cloud", "--force")
    assert not any(b"a picture of Ben" in keeps(folder).values() for folder in kept)
    assert not any(b"Ben" in data for folder in kept for data in keeps(folder).values())
    assert "Ben" not in place.git("log", "--all", "--format=%B", "--patch"), "nor does git name anybody"
    found = versions(place.tools)
    assert [one.people for one in found] == [1, None]


@pytest.mark.slow
def test_killed_at_any_moment_the_next_run_makes_up_for_it(place: Place, tmp_path: Path) -> None:
    chance = random.Random(11)
    for number in range(5):
        place.picture("Ann", number + 1)
        script = subprocess.Popen(
            ["env", "-i", str(place.root / "scripts/nightly_export.sh")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(chance.uniform(0.5, 8))
        with suppress(ProcessLookupError):
            os.killpg(script.pid, signal.SIGKILL)
        script.wait()
    done = place.nightly()
    assert done.returncode == 0, place.log()
    assert place.git("status", "--porcelain") == ""
    other = clone(place, tmp_path / "other", tmp_path / "origin.git")
    other.tools.dvc("pull")
    assert keeps(other.root / "data/mongodb_export") == keeps(place.root / "data/mongodb_export")
    assert len(keeps(other.root / "data/mongodb_export/images")) == 6
