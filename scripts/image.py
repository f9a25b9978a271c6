"""Build the container image, and try it as a user would: `make image`, `make image-test`.

The test runs the image with a read-only root on an empty volume, sets the password through the printed link, enrols NASA's
portrait and checks it in, stops the container, starts a new one on the same volume and looks whether everything is there.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import re
import shutil
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
NAME = "attend"
PASSWORD = uuid.uuid4().hex
READY_S, STOP_S = 120, 20
PROBE = "/data/tmp/probe.jpg"


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Build or try the container image.")
    parser.add_argument("act", choices=["build", "test"])
    parser.add_argument("--name", default=NAME, help="of the image")
    parser.add_argument("--build-option", action="append", default=[], help="passed on to the builder, such as a mount")
    given = parser.parse_args()
    if given.act == "build":
        return build(given.name, given.build_option)
    return test(given.name)


def find_engine() -> str:
    """Docker where its daemon answers, else podman."""
    for engine in ("docker", "podman"):
        path = shutil.which(engine)
        if path and subprocess.run([path, "info"], check=False, capture_output=True).returncode == 0:
            return path
    sys.exit("This needs docker, with its daemon running, or podman.")


def build(name: str, options: list[str]) -> int:
    """Build with docker or podman."""
    engine = find_engine()
    if Path(engine).name == "podman":
        options = ["--format=docker", *options]  # the other format has no health check
    return subprocess.run([engine, "build", *options, "--tag", name, str(ROOT)], check=False).returncode


def test(name: str) -> int:
    """Try the image; the first thing that is not as it must be ends the test."""
    engine = find_engine()
    print(f"{name}: {_size_mb(engine, name)} MB")
    volume = f"attend-test-{uuid.uuid4().hex[:8]}"
    try:
        with Container(engine, name, volume) as first:
            first.wait_ready()
            first.set_password()
            portrait = _portrait()
            first.attendance("enrol", "Eileen Collins", "-", picture=portrait)
            told = first.attendance("check-in", "-", "--json", picture=portrait)
            assert json.loads(told)["outcome"] == "recorded", told
            first.attendance("doctor")  # fails where it finds a fault
            took = first.stop()
            print(f"stopped in {took:.1f} s")
            assert took < STOP_S, "it did not stop when it was asked to"
        with Container(engine, name, volume) as second:
            second.wait_ready()
            assert second.token() is None, "the password was forgotten"
            records = json.loads(second.attendance("records", "--format", "json"))["records"]
            assert [record["person"] for record in records] == ["Eileen Collins"], records
            second.sign_in()
    finally:
        subprocess.run([engine, "volume", "rm", "--force", volume], check=False, capture_output=True)
    print("The image keeps what it must keep.")
    return 0


class Container:
    """One container of the image on a volume."""

    def __init__(self, engine: str, image: str, volume: str) -> None:
        self.engine = engine
        self.name = f"attend-test-{uuid.uuid4().hex[:8]}"
        self.port = _free_port()
        self._run = ["run", "--detach", "--name", self.name, "--read-only", "--publish", f"127.0.0.1:{self.port}:8501"]
        self._run += ["--volume", f"{volume}:/data", image]

    def __enter__(self) -> Self:
        self._engine(*self._run)
        return self

    def __exit__(self, *_: object) -> None:
        if sys.exc_info()[0] is not None:
            print(self.log(), file=sys.stderr)
        self._engine("rm", "--force", self.name)

    def wait_ready(self) -> None:
        """Until the models are loaded and the store answers."""
        deadline = time.monotonic() + READY_S
        while self._status("GET", "/readyz")[0] != 200:
            assert time.monotonic() < deadline, f"not ready after {READY_S} s"
            time.sleep(0.5)

    def log(self) -> str:
        """What the server has written so far."""
        done = subprocess.run([self.engine, "logs", self.name], check=False, capture_output=True, text=True)
        return done.stdout + done.stderr

    def token(self) -> str | None:
        """Of the one-time link that the log shows, if it shows one."""
        found = re.findall(r"/in/setup\?token=([\w-]+)", self.log())
        return str(found[-1]) if found else None

    def set_password(self) -> None:
        """Follow the link, as the operator does."""
        token = self.token()
        assert token, "no link was printed"
        status, text = self._status("POST", f"/in/setup?token={token}", urlencode({"password": PASSWORD}))
        assert status == 303, (status, text)

    def sign_in(self) -> None:
        """With the password of the container before."""
        assert self._status("POST", "/in/sign-in", urlencode({"password": "wrong" * 4}))[0] == 401
        assert self._status("POST", "/in/sign-in", urlencode({"password": PASSWORD}))[0] == 303

    def attendance(self, *arguments: str, picture: bytes | None = None) -> str:
        """A command inside the container; ``-`` stands for the picture."""
        words = [PROBE if word == "-" else word for word in arguments]
        if picture is not None:
            save = ["exec", "-i", self.name, "sh", "-c", f"cat > {PROBE}"]
            subprocess.run([self.engine, *save], input=picture, check=True)
        return self._engine("exec", self.name, "python", "-m", "attendance", *words)

    def stop(self) -> float:
        """Seconds that a graceful stop took."""
        started = time.monotonic()
        self._engine("stop", "--time", str(STOP_S), self.name)
        return time.monotonic() - started

    def _engine(self, *arguments: str) -> str:
        done = subprocess.run([self.engine, *arguments], check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr}{done.stdout}"
        return done.stdout

    def _status(self, method: str, path: str, form: str | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Origin": f"http://127.0.0.1:{self.port}", "Content-Type": "application/x-www-form-urlencoded"}
        try:
            connection.request(method, path, form, headers if form else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()


def _size_mb(engine: str, name: str) -> int:
    done = subprocess.run([engine, "image", "inspect", "--format", "{{.Size}}", name], check=True, capture_output=True)
    return int(done.stdout) // 1_000_000


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _portrait() -> bytes:
    """NASA's public-domain portrait that scikit-image ships, as a JPEG file."""
    from PIL import Image
    from skimage import data

    out = io.BytesIO()
    Image.fromarray(data.astronaut()).save(out, "JPEG", quality=95)
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
