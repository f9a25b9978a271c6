"""Commits of a few files that touch nothing else: not the working tree, not what somebody has staged, not their branch.

They are made with git's plumbing in an index of their own, so they work on a dirty tree, in the middle of a merge, on a
detached HEAD, and beside somebody who commits at the same moment.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from attendance.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attendance.versions.commands import Tools

DETACHED = "attend-versions"  # the branch that takes the versions where none is checked out: no commit hangs in the air
TRIES = 5  # somebody else may move the branch between reading and writing it


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes the commits."""

    name: str
    email: str

    @classmethod
    def parse(cls, text: str) -> Author:
        """``Name <address>``.

        Raises:
            ExportError: it is not.
        """
        found = re.fullmatch(r"\s*([^<>\n]+?)\s*<([^<>\s]*)>\s*", text)
        if found is None:
            raise ExportError("ATTEND_VERSIONS_AUTHOR is written `Name <address>`.")
        return cls(found[1], found[2])

    def variables(self) -> dict[str, str]:
        """For git."""
        return {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in self._parts()}

    def _parts(self) -> list[tuple[str, str]]:
        return [("NAME", self.name), ("EMAIL", self.email)]


def branch_of(tools: Tools, asked: str = "") -> str:
    """The branch that takes the versions: the one that is asked for, else the one that is checked out, else ``DETACHED``."""
    return asked or tools.asks("symbolic-ref", "--quiet", "--short", "HEAD") or DETACHED


def tip_of(tools: Tools, branch: str) -> str | None:
    """The last commit of a branch; where there is no such branch yet, the one that is checked out; None before the first."""
    return tools.asks("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}") or tools.asks(
        "rev-parse", "--verify", "--quiet", "HEAD^{commit}"
    )


def commit(tools: Tools, branch: str, paths: Sequence[str], message: str, author: Author) -> str | None:
    """Commit these files as they lie on the disk to a branch; None where they are there already.

    Raises:
        ExportError: git refused, or the branch moved again and again.
    """
    for _ in range(TRIES):
        parent = tip_of(tools, branch)
        made = _commit_tree(tools, parent, _tree_of(tools, parent, paths), message, author)
        if made is None:
            return None
        known = tools.asks("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}") or "0" * 40
        if tools.asks("update-ref", "-m", "versions: commit", f"refs/heads/{branch}", made, known) is not None:
            if tools.asks("symbolic-ref", "--quiet", "--short", "HEAD") == branch:
                _tell_index(tools, parent, made, paths)
            return made
    raise ExportError(f"The branch {branch} moved while a version was being committed. The next run commits it.")


def rebuilt(tools: Tools, source: str, onto: str, paths: Sequence[str]) -> str | None:
    """The files of commit ``source`` as a commit upon ``onto``, by the same author at the same time; None: no difference."""
    wanted = tools.git("ls-tree", "-r", source, "--", *paths).splitlines()
    entries = [line.replace("\t", " ", 1).split(" ", 3) for line in wanted]
    kept = {path for _, _, _, path in entries}
    with _index(tools, onto) as index:
        for mode, _, blob, path in entries:
            tools.git("update-index", "--add", "--cacheinfo", f"{mode},{blob},{path}", more=index)
        gone = [path for path in tools.git("ls-files", "--", *paths, more=index).splitlines() if path not in kept]
        if gone:
            tools.git("update-index", "--force-remove", "--", *gone, more=index)
        tree = tools.git("write-tree", more=index)
    if tree == tools.git("rev-parse", f"{onto}^{{tree}}"):
        return None
    name, email, date, message = tools.git("log", "-1", "--format=%an%x00%ae%x00%aI%x00%B", source).split("\0", 3)
    variables = {**Author(name, email).variables(), "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    return tools.git("commit-tree", tree, "-p", onto, "-F", "-", more=variables, said=message.rstrip() + "\n")


def touches_only(tools: Tools, made: str, paths: Sequence[str]) -> bool:
    """Whether a commit changes nothing but these files and folders."""
    changed = tools.git("diff-tree", "--root", "--no-commit-id", "--name-only", "-r", "-z", made).split("\0")
    return all(any(name == path or name.startswith(f"{path}/") for path in paths) for name in changed if name)


class _index:  # noqa: N801 - used as a function
    """An index of one's own with a commit's tree in it: the variables that make git use it."""

    def __init__(self, tools: Tools, parent: str | None) -> None:
        self._tools, self._parent = tools, parent

    def __enter__(self) -> dict[str, str]:
        self._folder = tempfile.TemporaryDirectory(prefix="attend-index-")
        variables = {"GIT_INDEX_FILE": str(Path(self._folder.name) / "index")}
        self._tools.git("read-tree", *([self._parent] if self._parent else ["--empty"]), more=variables)
        return variables

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _tree_of(tools: Tools, parent: str | None, paths: Sequence[str]) -> str:
    with _index(tools, parent) as index:
        there = [path for path in paths if (tools.root / path).exists()]
        if there:
            tools.git("add", "--force", "--all", "--", *there, more=index)
        return tools.git("write-tree", more=index)


def _commit_tree(tools: Tools, parent: str | None, tree: str, message: str, author: Author) -> str | None:
    if parent is not None and tree == tools.git("rev-parse", f"{parent}^{{tree}}"):
        return None
    parents = ["-p", parent] if parent else []
    return tools.git("commit-tree", tree, *parents, "-F", "-", more=author.variables(), said=message)


def _tell_index(tools: Tools, before: str | None, made: str, paths: Sequence[str]) -> None:
    """Where the person's index held these files as they were, let it hold them as they are; what they staged stays."""
    old = _entries(tools.git("ls-tree", "-r", before, "--", *paths) if before else "")
    new = _entries(tools.git("ls-tree", "-r", made, "--", *paths))
    staged = _staged(tools.git("ls-files", "--stage", "--", *paths))
    lines = [f"{entry}\t{path}" for path, entry in new.items() if staged.get(path) == old.get(path)]
    lines += [f"0 {'0' * 40}\t{path}" for path, entry in old.items() if path not in new and staged.get(path) == entry]
    if lines:  # fails only while somebody else writes the index; then git shows the files as changed until the next run
        try:
            tools.git("update-index", "--index-info", said="\n".join(lines) + "\n")
        except ExportError:
            return


def _entries(listing: str) -> dict[str, str]:
    """``ls-tree`` as path and "mode blob"."""
    found = {}
    for line in listing.splitlines():
        what, _, path = line.partition("\t")
        mode, _, blob = what.split(" ")
        found[path] = f"{mode} {blob}"
    return found


def _staged(listing: str) -> dict[str, str]:
    """``ls-files --stage`` as path and "mode blob"; a path in conflict has an entry that equals nothing."""
    found: dict[str, str] = {}
    for line in listing.splitlines():
        what, _, path = line.partition("\t")
        mode, blob, stage = what.split(" ")
        found[path] = f"{mode} {blob}" if stage == "0" else "conflict"
    return found
