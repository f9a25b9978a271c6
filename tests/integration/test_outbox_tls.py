"""A shared MLflow server as docs/mlflow.md has it: a real one behind nginx, with a private authority's certificate and a
user name. Attempts arrive, and where the certificate or the password is wrong they wait and say so."""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from attendance.services.outbox import Outbox, Round
from attendance.services.sessions import Sessions
from attendance.services.tracking_notes import Notes
from attendance.tracking.sink import MlflowSink
from tests.mlflow_server import MlflowServer
from tests.outbox_place import QUICK, make
from tests.real_server import ROOT, free_port
from tests.tracked_attempts import Seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attendance.store.base import Store

USER, PASSWORD = "ada", "open sesame"
DOCS = (ROOT / "docs" / "mlflow.md").read_text(encoding="utf-8")


def openssl(folder: Path, *words: str) -> str:
    done = subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def certificates(folder: Path) -> None:
    """An authority of our own, and a certificate for localhost that it signed."""
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Our authority",
            "-keyout", "ca.key", "-out", "ca.pem")  # fmt: skip
    openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "asked")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    openssl(folder, "x509", "-req", "-in", "asked", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", "cert.pem")  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of the proxy, and the folder with the authority's certificate."""
    for program in ("nginx", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    certificates(folder)
    (folder / "users").write_text(f"{USER}:{openssl(folder, 'passwd', '-apr1', PASSWORD)}\n")
    server = MlflowServer(tmp_path_factory.mktemp("server"))
    found = re.search(r"```nginx\n(.*?)```", DOCS, re.DOTALL)
    assert found
    site = found[1].replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace("mlflow.example.org", "localhost")
    site = site.replace("http://127.0.0.1:5000", server.url).replace("/etc/nginx/mlflow.users", f"{folder}/users")
    site = site.replace("/etc/ssl/mlflow.pem", f"{folder}/cert.pem").replace("/etc/ssl/mlflow.key", f"{folder}/key.pem")
    places = [f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
    frame = f"daemon off;\nuser {getpass.getuser()};\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
    (folder / "nginx.conf").write_text(f"{frame}http {{\naccess_log off;\n{' '.join(places)}\n{site}}}\n")
    server.start()
    with (folder / "log").open("wb") as log:
        command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        nginx = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"https://localhost:{port}"
    try:
        wait_for(url, folder)
        yield url, folder
    finally:
        nginx.terminate()
        nginx.wait(20)
        server.kill()


def wait_for(url: str, folder: Path) -> None:
    import ssl

    trusting = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    for _ in range(200):
        try:
            assert httpx.get(f"{url}/health", verify=trusting).status_code == 401
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError((folder / "log").read_text() + (folder / "error.log").read_text())


def test_certificate_and_password(place: tuple[str, Path], store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    url, folder = place
    make(store, 120)
    sessions = Sessions(store, lambda: False)
    outbox = Outbox(store, lambda: MlflowSink(url, "shared", Notes(store)), sessions=sessions, pace=QUICK)

    def refused() -> str:
        assert outbox.run_once() is Round.FAILED
        state = outbox.state()
        assert (state.sent, state.waiting, state.refused.count) == (0, 120, 0)
        return state.last_error or ""

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "open barley")
    assert "CERTIFICATE_VERIFY_FAILED" in refused()
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(folder / "ca.pem"))
    said = refused()
    assert "401" in said
    assert said.startswith("the user name, password or token is wrong or missing")
    assert "barley" not in said
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    assert "401" in refused()

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    state = outbox.flush(60)
    assert (state.sent, state.waiting, state.failing) == (120, 0, False)
    seen = Seen(url, "shared")
    assert seen.steps() == dict.fromkeys(range(1, 121), 1)
    assert sorted(row["number"] for run in seen.children for row in seen.rows(run)) == list(range(1, 121))
