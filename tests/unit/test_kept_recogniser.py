"""The last good copy of a registered recogniser: real files with real digests, a registry that fails in every way."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from attendance.domain.model import RecognitionOptions
from attendance.domain.recogniser import Recogniser
from attendance.errors import RegistryError, WeightsUnavailableError
from attendance.faces import bundle
from attendance.services.kept_recogniser import ASK_S, FIRST_S, Keeper

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

URI = "models:/face-recogniser@champion"
PLAIN = Recogniser("dlib", "dlib-resnet-v1/align-m20-flip", RecognitionOptions(), 0.53, 0.05)


@dataclass
class Answer:
    number: int
    digest: str
    folder: Path | None


class Server:
    """Gives the recogniser in ``folder``, as a registry would."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.number, self.downloads = folder, 1, 0
        self.away = False
        self.waited: list[float] = []
        self.damage: str | None = None

    def __call__(self, scratch: Path, have: Collection[str], timeout_s: float) -> Answer:
        self.waited.append(timeout_s)
        if self.away:
            raise RegistryError("No MLflow server answers.", model="registry", reason="unreachable")
        digest = bundle.read(self.folder).digest
        if digest in have:
            return Answer(self.number, digest, None)
        self.downloads += 1
        target = scratch / "recogniser"
        shutil.copytree(self.folder, target)
        if self.damage is not None:
            (target / self.damage).write_bytes(b"?")
        return Answer(self.number, digest, target)


def made(folder: Path, recogniser: Recogniser = PLAIN) -> Path:
    """A bundle whose model files are small stand-ins: what is kept does not depend on what is in them."""
    models = folder / "source"
    for name in bundle.file_names("dlib"):
        (models / name).parent.mkdir(parents=True, exist_ok=True)
        (models / name).write_bytes(f"{name} of {recogniser.threshold}".encode())
    bundle.write(folder / "bundle", recogniser, models)
    return folder / "bundle"


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(made(tmp_path / "one"))


def keeper(tmp_path: Path, server: Server) -> Keeper:
    return Keeper(URI, tmp_path / "kept", server, bundle.read)


def test_it_is_fetched_once_and_asked_for_at_every_start(tmp_path: Path, server: Server) -> None:
    first = keeper(tmp_path, server).current()
    assert (first.number, first.recogniser.threshold, first.why_kept) == (1, 0.53, "")
    assert keeper(tmp_path, server).current().folder == first.folder
    assert (server.downloads, server.waited) == (1, [FIRST_S, ASK_S])


def test_the_last_good_copy_serves_while_the_registry_is_away(tmp_path: Path, server: Server) -> None:
    first = keeper(tmp_path, server).current()
    server.away = True
    again = keeper(tmp_path, server).current()
    assert (again.folder, again.number, again.why_kept) == (first.folder, 1, "No MLflow server answers.")


def test_without_a_copy_and_without_the_registry_nothing_decides(tmp_path: Path, server: Server) -> None:
    server.away = True
    with pytest.raises(RegistryError, match=r"There is no copy of models:/face-recogniser@champion here yet"):
        keeper(tmp_path, server).current()


@pytest.mark.parametrize("damage", ["models/mtcnn-1/rnet.onnx", "recogniser.json"])
def test_what_arrives_damaged_is_never_used(tmp_path: Path, server: Server, damage: str) -> None:
    server.damage = damage
    with pytest.raises(RegistryError, match="damaged"):
        keeper(tmp_path, server).current()
    server.damage = None
    good = keeper(tmp_path, server).current()
    server.folder, server.number, server.damage = made(tmp_path / "two", replace(PLAIN, threshold=0.6)), 2, damage
    assert keeper(tmp_path, server).current().folder == good.folder, "the last good one stays"


def test_another_recogniser_than_was_registered_is_refused(tmp_path: Path, server: Server) -> None:
    class Liar(Server):
        def __call__(self, scratch: Path, have: Collection[str], timeout_s: float) -> Answer:
            return replace(super().__call__(scratch, have, timeout_s), digest="f" * 64)

    with pytest.raises(RegistryError, match="its digest is another one"):
        keeper(tmp_path, Liar(server.folder)).current()


def test_a_copy_that_is_damaged_on_the_disk_is_fetched_anew(tmp_path: Path, server: Server) -> None:
    first = keeper(tmp_path, server).current()
    (first.folder / "models" / "dlib-resnet-v1-1.onnx").write_bytes(b"")
    again = keeper(tmp_path, server).current()
    assert bundle.read(again.folder) == again.recogniser
    assert server.downloads == 2


def test_a_new_champion_takes_over_and_old_copies_go(tmp_path: Path, server: Server) -> None:
    folders = [keeper(tmp_path, server).current().folder]
    for number, threshold in ((2, 0.5), (3, 0.4)):
        server.folder, server.number = made(tmp_path / str(number), replace(PLAIN, threshold=threshold)), number
        now = keeper(tmp_path, server).current()
        assert (now.number, now.recogniser.threshold) == (number, threshold)
        folders.append(now.folder)
    assert [folder.exists() for folder in folders] == [False, True, True], "the one before may still be in use"
    assert [one for one in (tmp_path / "kept").iterdir() if one.name.startswith(".")] == []


@pytest.mark.parametrize("pointer", [b"", b"{}", b'{"folder": 1}', b"\xff"])
def test_a_damaged_pointer_is_as_none(tmp_path: Path, server: Server, pointer: bytes) -> None:
    keeper(tmp_path, server).current()
    (file,) = (tmp_path / "kept").glob("*.json")
    file.write_bytes(pointer)
    assert keeper(tmp_path, server).current().number == 1


def test_files_that_lead_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    folder = made(tmp_path)
    document = json.loads((folder / bundle.DOCUMENT).read_text(encoding="utf-8"))
    document["files"] = {"../../etc/passwd": "0" * 64}
    (folder / bundle.DOCUMENT).write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(WeightsUnavailableError, match="lists other files"):
        bundle.read(folder)
