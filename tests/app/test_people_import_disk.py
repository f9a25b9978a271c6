"""A folder is imported on a server whose disk is full: on a file system of 1 MB, and with a limit on the size of files."""

from __future__ import annotations

import errno
import io
import os
import resource
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import pytest

from attendance.services.import_job import NO_ROOM
from attendance.ui.people_import import A_FOLDER, WAY, _desk, packed
from tests.app.office import house_in, office, said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

pytestmark = pytest.mark.usefixtures("own_application")
BUTTON = "Import these people"


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of 1 MB, on which this process keeps what it needs for a while."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("needs to mount a file system (root, and a container that lets it)")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def chosen(folder: Path, portrait: bytes, ballast: int) -> AppTest:
    """The page with a folder chosen: one person, one picture of 300 kB, while ``ballast`` bytes of the disk are taken."""
    house_in(folder.parent).real_store.close()
    (folder / "ballast").write_bytes(b"x" * ballast)
    return choose(office("people").run(), portrait)


def choose(app: AppTest, portrait: bytes) -> AppTest:
    app.segmented_control(key=WAY).select(A_FOLDER).run()
    heavy = portrait + b"\0" * (300_000 - len(portrait))
    app.file_uploader(key="import-folder").upload("staff/Eileen Collins/1.jpg", heavy, "image/jpeg").run()
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    """Press it, and wait for the import that it may begin."""
    next(button for button in app.button if button.label == label).click().run()
    if (job := _desk().job) is None:
        return app
    job.wait(60)
    return app.run()


def free(folder: Path) -> int:
    return os.statvfs(folder).f_bfree


def people(folder: Path) -> list[str]:
    house = house_in(folder.parent)
    try:
        return [person.name for person in house.people.list()]
    finally:
        house.real_store.close()


@pytest.fixture(autouse=True)
def no_import_before_or_after() -> Iterator[None]:
    """The server has one import for all pages, and so have the tests of a process."""
    yield
    job, _desk().job = _desk().job, None
    if job is not None:
        job.close()


# Of 1 MB: no room for the picture at all; room to pack it, and none to unpack it.
@pytest.mark.parametrize("ballast", [900_000, 600_000], ids=["packing", "unpacking"])
def test_it_is_told_takes_nothing_and_goes_on_when_there_is_room(
    small_disk: Path, astronaut_jpeg: bytes, ballast: int, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTEND_MODEL_DIR", str(model_dir))
    app = chosen(small_disk, astronaut_jpeg, ballast)
    before = free(small_disk)
    app = press(app, BUTTON)
    assert not app.exception
    assert NO_ROOM in said(app)
    assert people(small_disk) == []
    assert free(small_disk) == before

    (small_disk / "ballast").unlink()
    if ballast == 600_000:  # the import had begun, and its report takes the place of the files
        app = choose(press(app, "Done"), astronaut_jpeg)
    app = press(app, BUTTON)
    assert "1 person added." in said(app)
    assert people(small_disk) == ["Eileen Collins"]
    assert not list(small_disk.glob("attend-*"))


@contextmanager
def no_file_above(limit_bytes: int) -> Iterator[None]:
    """For this process, which gets an error instead of the signal."""
    before, signalled = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, signalled)


def test_a_file_that_may_not_grow_is_an_error_and_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Needs no rights: the same where nobody may mount anything."""
    made: list[IO[bytes]] = []
    temporary = tempfile.TemporaryFile

    def kept() -> IO[bytes]:
        made.append(temporary())
        return made[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", kept)
    picture = io.BytesIO(os.urandom(200_000))
    picture.name = "staff/Eileen Collins/1.jpg"
    with no_file_above(100_000), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        packed([picture])  # type: ignore[list-item]  # all that is read of an upload
    (archive,) = made
    assert archive.closed
