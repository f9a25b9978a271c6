"""Bringing versions to where they are kept: the data with DVC first, then the commits that name them with git.

Only the versions' own commits leave this machine. Where the other side has moved, or somebody has commits here that are not
pushed, the versions are made again upon the other side's last commit: nobody's work is published or overwritten.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from attendance.errors import ExportError
from attendance.versions.commits import rebuilt, tip_of, touches_only
from attendance.versions.layout import EXPORT, POINTER
from attendance.versions.pointers import pointer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attendance.versions.commands import Tools

PUSHED = "refs/attend/pushed"  # up to here everything is on the other side; what is missing is repeated until it is there
THERE = "refs/attend/there"  # the other side's branch as it was last fetched
TRIES = 3
NETWORK_S = 1800.0


@dataclass(frozen=True, slots=True)
class Remotes:
    """Where versions go.

    Attributes:
        git: the name of git's remote; ``none``: commits stay here; empty: ``origin`` where there is one.
        dvc: the name of DVC's; empty: DVC's default.
    """

    git: str = ""
    dvc: str = ""


def waiting(tools: Tools, branch: str, paths: Sequence[str]) -> list[str]:
    """The commits of versions that were not pushed yet, oldest first."""
    if tip_of(tools, branch) is None or tools.asks("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}") is None:
        return []
    done = [f"^{PUSHED}"] if tools.asks("rev-parse", "--verify", "--quiet", PUSHED) else []
    return tools.git("rev-list", "--reverse", "--topo-order", branch, *done, "--", *paths).splitlines()


def push(tools: Tools, branch: str, paths: Sequence[str], remotes: Remotes) -> int:
    """Push what is waiting; how many versions that were. Without any DVC is asked all the same: its folder may be new.

    Raises:
        ExportError: it could not be pushed; all of it is tried again the next time.
    """
    left = waiting(tools, branch, paths)
    words = ["--remote", remotes.dvc] if remotes.dvc else []
    with _beside(tools, left):
        tools.dvc("push", *words)
    remote = git_remote(tools, remotes.git)
    if remote is not None:
        _push_git(tools, remote, branch, paths)
    if left:
        tools.git("update-ref", PUSHED, left[-1])
    return len(left)


def git_remote(tools: Tools, asked: str) -> str | None:
    """The remote that commits go to, or None.

    Raises:
        ExportError: there is none of the name that the settings give.
    """
    known = tools.git("remote").splitlines()
    if asked == "none":
        return None
    if asked and asked not in known:
        raise ExportError(f"git has no remote {asked}, which ATTEND_VERSIONS_GIT_REMOTE names.")
    return asked or ("origin" if "origin" in known else None)


@contextmanager
def _beside(tools: Tools, commits: Sequence[str]) -> Iterator[None]:
    """Let DVC see the pointers of earlier versions too, each under a name of its own, for as long as it pushes.

    Its `push --all-commits` would do, but takes a remote that is a relative path for one from the root of the disk (3.67).
    """
    for left in (tools.root / EXPORT).parent.glob(f"{Path(EXPORT).name}_waiting_*.dvc"):  # by a run that was killed
        left.unlink(missing_ok=True)
    made: list[Path] = []
    try:
        for number, name in enumerate(commits):
            held = pointer(tools.asks("show", f"{name}:{POINTER}") or "")
            if held is None:
                continue
            path = tools.root / f"{EXPORT}_waiting_{number}.dvc"
            out = {"md5": held.md5, "size": held.size_bytes, "nfiles": held.files, "hash": "md5", "path": path.stem}
            path.write_text(json.dumps({"outs": [out]}), encoding="utf-8")  # JSON is YAML
            made.append(path)
        yield
    finally:
        for path in made:
            path.unlink(missing_ok=True)


def _push_git(tools: Tools, remote: str, branch: str, paths: Sequence[str]) -> None:
    """Several tries, since the other side may move between fetching and pushing."""
    for number in range(1, TRIES + 1):
        there = tools.git("ls-remote", remote, f"refs/heads/{branch}", limit_s=NETWORK_S).partition("\t")[0]
        if there:
            tools.git(
                "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", remote, f"+refs/heads/{branch}:{THERE}",
                limit_s=NETWORK_S,
            )  # fmt: skip
            tip = _upon(tools, there, branch, paths)
        else:
            tip = tools.git("rev-parse", f"refs/heads/{branch}")
        if tip == there:
            return
        try:
            tools.git("push", "--quiet", "--no-verify", remote, f"{tip}:refs/heads/{branch}", limit_s=NETWORK_S)
        except ExportError:
            if number == TRIES:
                raise
        else:
            return


def _upon(tools: Tools, there: str, branch: str, paths: Sequence[str]) -> str:
    """The other side's last commit with the versions that it lacks upon it: themselves where they fit, else made again."""
    done = [f"^{PUSHED}"] if tools.asks("rev-parse", "--verify", "--quiet", PUSHED) else []
    tip = there
    for made in tools.git("rev-list", "--reverse", "--topo-order", branch, f"^{there}", *done, "--", *paths).splitlines():
        fits = tools.asks("rev-parse", "--verify", "--quiet", f"{made}^") == tip and touches_only(tools, made, paths)
        tip = made if fits else (rebuilt(tools, made, tip, paths) or tip)
    return tip
