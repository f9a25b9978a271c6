"""A registered recogniser fetched by a process of its own, which is ended when it takes too long.

MLflow alone decides how long its requests and its pools of threads wait: minutes, for a server that is away. A process can
be ended at any time, and takes MLflow's memory with it: the app never imports MLflow for its model.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attendance.errors import RegistryError, SettingsError
from attendance.logs import masked
from attendance.tracking import probe
from attendance.tracking.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Collection

URI: Final = re.compile(r"^models:/(?P<name>[^/@]+)(?:(?P<alias>@[^/@]+)|/(?P<number>[1-9]\d*))$")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a URI stands for now.

    Attributes:
        number: of the version.
        digest: of the recogniser, as its tag says.
        folder: where it was written; None where the caller has that digest already.
    """

    number: int
    digest: str
    folder: Path | None


def parse(uri: str) -> tuple[str, str]:
    """Name, and ``@alias`` or number.

    Raises:
        SettingsError: it is no URI of a registered model.
    """
    found = URI.match(uri)
    if found is None:
        message = f"ATTEND_MODEL: {uri!r} is not like models:/face-recogniser@champion or models:/face-recogniser/3."
        raise SettingsError(message, name="ATTEND_MODEL")
    return found["name"], found["alias"] or found["number"]


def fetch(uri: str, tracking_uri: str, folder: Path, have: Collection[str], timeout_s: float) -> Fetched:
    """Ask the registry what ``uri`` stands for and, where its digest is not among ``have``, write it below ``folder``.

    Args:
        uri: ``models:/name@alias`` or ``models:/name/number``.
        tracking_uri: where MLflow is; may hold a password, so it is told to the process through its input.
        folder: exists; the caller checks what was written.
        have: digests that are here already.
        timeout_s: after which the process is ended.

    Raises:
        RegistryError: nothing answers, in this time, or there is no such version.
    """
    parse(uri)
    if not probe.answers(tracking_uri, LIMITS.probe_s):
        raise RegistryError(f"No MLflow server answers at {masked(tracking_uri)}.", model="registry", reason="unreachable")
    question = {"uri": uri, "tracking_uri": tracking_uri, "folder": str(folder), "have": sorted(have)}
    root = Path(__file__).resolve().parents[2]  # wherever this process was started, the same code answers
    run = f"import sys; sys.path.insert(0, {str(root)!r}); from attendance.tracking.fetching import main; main()"
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and code
            [sys.executable, "-W", "ignore", "-c", run],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"MLflow at {masked(tracking_uri)} did not answer within {timeout_s:g} s."
        raise RegistryError(message, model="registry", reason="unreachable") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        message = f"The process that asks MLflow ended with code {done.returncode}."
        raise RegistryError(message, model="registry", reason="refused") from None
    if "reason" in answer:
        raise RegistryError(str(answer["message"]), model="registry", reason=str(answer["reason"]))
    written = answer["folder"]
    return Fetched(int(answer["number"]), str(answer["digest"]), Path(written) if written else None)


def main() -> None:
    """In the process of its own: one question on stdin, one answer on stdout."""
    from attendance.tracking.registry import Registry

    question = json.load(sys.stdin)
    try:
        name, which = parse(question["uri"])
        registry = Registry(question["tracking_uri"], name)
        version = registry.version(which)
        folder = None
        if version.digest not in question["have"]:
            folder = str(registry.download(version.number, Path(question["folder"])))
        answer = {"number": version.number, "digest": version.digest, "folder": folder}
    except RegistryError as error:
        answer = {"reason": error.reason, "message": str(error)}
    sys.stdout.write(json.dumps(answer))
