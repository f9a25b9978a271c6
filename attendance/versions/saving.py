"""Making a version: export, hand it to DVC, measure it, commit what changed, push. What `versions save` and the page do."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from attendance.errors import ExportError
from attendance.versions import layout
from attendance.versions.commands import reason
from attendance.versions.commits import Author, branch_of, commit, tip_of
from attendance.versions.pointers import Contents, contents, pointer
from attendance.versions.pushing import Remotes, push, waiting

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from attendance.versions.commands import Tools

EXPORTED_WITH = (0, 1)  # the door's codes: all of it, or all but records that cannot be read
FAR = re.compile(r"[A-Z][a-z ]+: [\d,]+ of [\d,]+")  # a line of the door that says how far it is
STEPS = ("Exporting", "Handing it to DVC", "Measuring", "Committing", "Pushing")


@dataclass(frozen=True, slots=True)
class Wish:
    """How a version is to be made.

    Attributes:
        author: of the commit.
        branch: that takes it; empty: the one that is checked out.
        remotes: where it goes.
        measure: look at every picture, and measure error rates, where something changed.
        push: bring it to the remote.
        allow_empty: commit also where nobody is left and somebody was there before.
    """

    author: Author
    branch: str = ""
    remotes: Remotes = field(default_factory=Remotes)
    measure: bool = True
    push: bool = True
    allow_empty: bool = False


@dataclass(slots=True)
class Saved:
    """What came of it.

    Attributes:
        commit: of the new version; None where nothing had changed.
        words: what changed against the version before, or that nothing did.
        pushed: versions that were brought to the remote; None where pushing was not asked for.
        notes: what else has to be known, a sentence each.
    """

    commit: str | None = None
    words: str = "Nothing changed, so there is no new version."
    pushed: int | None = None
    notes: list[str] = field(default_factory=list)

    def sentence(self) -> str:
        """All of it."""
        sent = f"{_many(self.pushed, 'version')} pushed." if self.pushed else ""
        return " ".join(part for part in (self.words, sent, *self.notes) if part)


def save(
    tools: Tools,
    wish: Wish,
    at_utc: datetime,
    step: Callable[[str], None] = lambda _: None,
    still: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Saved:
    """Make a version and push it, with those that could not be pushed before. The caller holds ``journal.alone``.

    Args:
        tools: the commands of the repository.
        wish: how.
        at_utc: when, for the commit's message.
        step: told each of ``STEPS``; with ": " and how far it is, where that is known.
        still: no export takes the folder's place within this context.

    Raises:
        ExportError: a step failed. What was done before stays and is used the next time; nothing is lost.
    """
    tools.ready()
    saved = Saved()
    branch = branch_of(tools, wish.branch)
    foreign = _changed_by_somebody(tools, branch)
    step("Exporting")
    left_out = export(tools, lambda line: step(f"Exporting: {line}") if FAR.fullmatch(line) else None)
    if left_out:
        saved.notes.append(f"Records that cannot be read and were left out: {left_out:,}.")
    step("Handing it to DVC")
    with still():  # what DVC takes, and what the counts are of, is one export
        _counts_for_git(tools)
        tools.dvc("add", layout.EXPORT)
    before, now = _committed(tools, branch), _present(tools)
    if before and before.people and now and not now.people and not wish.allow_empty:
        raise ExportError(
            f"The database has nobody in it, and the last version had {_many(len(before.people), 'person', 'people')}. "
            "Nothing was committed. If that is right, `python -m attendance versions save --allow-empty` commits it."
        )
    paths = list(layout.OURS)
    if not _is_committed(tools, branch) and wish.measure and (tools.root / "dvc.yaml").exists():
        step("Measuring")
        paths += _measured(tools, foreign, saved)
    step("Committing")
    words = _words(before, now)
    saved.commit = commit(tools, branch, paths, f"Export of {at_utc:%Y-%m-%d}: {words}\n", wish.author)
    if saved.commit:
        saved.words = f"A new version was committed to {branch}: {words}."
    if wish.push:
        step("Pushing")
        saved.pushed = push_all(tools, wish)
    return saved


def export(tools: Tools, told: Callable[[str], None] = lambda _: None) -> int:
    """Run the export's door; how many records it had to leave out. ``told`` hears what it says meanwhile.

    Raises:
        ExportError: as the door says it.
    """
    done = tools.python(layout.DOOR, "--export-all", "--output-dir", layout.EXPORT, "--json", told=told)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {}
    if done.returncode not in EXPORTED_WITH or "counts" not in answer:
        raise ExportError(f"The export failed: {answer.get('message') or reason(done.stderr or done.stdout)}")
    return int(answer.get("left_out", {}).get("total", 0))


def _counts_for_git(tools: Tools) -> None:
    target = tools.root / layout.EXPORTED
    try:
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(tools.root / layout.METADATA, target)
    except OSError as error:
        raise ExportError(f"{target} cannot be written: {error.strerror}.") from error


def push_all(tools: Tools, wish: Wish) -> int:
    """Push what is waiting.

    Raises:
        ExportError: it could not be pushed; what was committed stays, and is pushed by the next run.
    """
    branch = branch_of(tools, wish.branch)
    try:
        return push(tools, branch, layout.ALL, wish.remotes)
    except ExportError as error:
        left = len(waiting(tools, branch, [layout.POINTER]))
        wait = f" {_many(left, 'version')} will be pushed by the next run." if left else ""
        raise ExportError(f"The push failed: {error}{wait}") from error


def _measured(tools: Tools, foreign: str, saved: Saved) -> list[str]:
    """Validate and evaluate; the files to commit with the version."""
    if foreign:
        saved.notes.append(f"Error rates were not measured: {foreign} has changes that are not committed.")
        return []
    try:
        tools.dvc("repro", "--single-item", *layout.STAGES)
    except ExportError as error:
        saved.notes.append(f"Error rates were not measured: {error}")
        return []
    return [path for path in layout.MEASURED if (tools.root / path).exists()]


def _changed_by_somebody(tools: Tools, branch: str) -> str:
    """The first of the files that decide or hold measurements which is not as the branch has it; empty: all are."""
    tip = tip_of(tools, branch)
    if tip is None:
        return ""
    return tools.git("diff", "--name-only", tip, "--", *layout.DECIDES).partition("\n")[0]


def _is_committed(tools: Tools, branch: str) -> bool:
    tip = tip_of(tools, branch)
    there = tip and tools.asks("rev-parse", "--verify", "--quiet", f"{tip}:{layout.POINTER}")
    return bool(there) and there == tools.git("hash-object", "--", layout.POINTER)


def _committed(tools: Tools, branch: str) -> Contents | None:
    tip = tip_of(tools, branch)
    held = pointer(tools.asks("show", f"{tip}:{layout.POINTER}") or "") if tip else None
    return contents(tools.root, held.md5) if held else None


def _present(tools: Tools) -> Contents | None:
    held = pointer((tools.root / layout.POINTER).read_text(encoding="utf-8"))
    return contents(tools.root, held.md5) if held else None


def _words(before: Contents | None, now: Contents | None) -> str:
    """What changed, in counts: names of people stay out of git, whose history nobody can be erased from."""
    if now is None:
        return "a new export"
    if before is None:
        return f"{_many(len(now.people), 'person', 'people')}, {_many(len(now.pictures), 'picture')}"
    change = now.since(before)
    kinds = (
        ("added", change.people_added, change.pictures_added),
        ("changed", change.people_changed, change.pictures_changed),
        ("removed", change.people_removed, change.pictures_removed),
    )
    parts = []
    for word, people, pictures in kinds:
        counts = [_many(people, "person", "people")] if people else []
        counts += [_many(pictures, "picture")] if pictures else []
        parts += [f"{' and '.join(counts)} {word}"] if counts else []
    same = now.files == before.files  # as where a version that was made by hand gets its counts
    return ", ".join(parts) or ("counts and reports of the same data" if same else "records or settings changed")


def _many(number: int | None, one: str, several: str = "") -> str:
    return f"{number or 0:,} {one if number == 1 else several or one + 's'}"
