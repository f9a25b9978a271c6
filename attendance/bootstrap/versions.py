"""Versions of this project's folder, with what the settings say about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attendance import settings as settings_module
from attendance.errors import AttendanceError, ExportError
from attendance.export.place import Place
from attendance.logs import masked
from attendance.services.clock import now_utc
from attendance.versions import journal, layout, saving
from attendance.versions.commands import Tools, environment_for
from attendance.versions.commits import Author
from attendance.versions.pushing import Remotes

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.settings import Settings


def tools_of(root: Path | None = None) -> Tools:
    """The commands of a folder; None: the one that the app was started in, where params.yaml lies."""
    root = root or Path.cwd()
    return Tools(root, environment_for(settings_module.environment(), root))


def wish_of(settings: Settings, *, push: bool = True, allow_empty: bool = False) -> saving.Wish:
    """What the settings say.

    Raises:
        ExportError: the author is not written `Name <address>`.
    """
    return saving.Wish(
        Author.parse(settings.versions_author),
        settings.versions_branch,
        Remotes(settings.versions_git_remote, settings.versions_dvc_remote),
        settings.versions_measure,
        push,
        allow_empty,
    )


def save(
    settings: Settings,
    source: str,
    *,
    push: bool = True,
    allow_empty: bool = False,
    step: Callable[[str], None] = lambda _: None,
    tools: Tools | None = None,
) -> saving.Saved:
    """Make a version, alone in this folder, and remember what came of it.

    Raises:
        ExportError: it failed; remembered too, unless another run is at work.
    """
    tools = tools or tools_of()
    with journal.alone(tools.root):
        try:
            place = Place(tools.root / layout.EXPORT)
            wish = wish_of(settings, push=push, allow_empty=allow_empty)
            saved = saving.save(tools, wish, now_utc(), step, lambda: place.locked(lambda: None))
        except AttendanceError as error:
            journal.remember(tools.root, journal.Run(now_utc(), source, False, masked(str(error))))
            raise
        run = journal.Run(now_utc(), source, True, masked(saved.sentence()), saved.commit, saved.pushed)
        journal.remember(tools.root, run)
    return saved


def push(settings: Settings, *, tools: Tools | None = None) -> int:
    """Push what is waiting, alone in this folder; how many versions that were.

    Raises:
        ExportError: it failed.
    """
    tools = tools or tools_of()
    tools.ready()
    with journal.alone(tools.root):
        return saving.push_all(tools, wish_of(settings))


def pull(settings: Settings, *, tools: Tools | None = None) -> None:
    """Bring the files of the version that is checked out from the remote, the export's alone.

    Raises:
        ExportError: it failed.
    """
    tools = tools or tools_of()
    tools.ready()
    if not (tools.root / layout.POINTER).exists():
        raise ExportError("There is no version of the export here yet.")
    words = ["--remote", settings.versions_dvc_remote] if settings.versions_dvc_remote else []
    with journal.alone(tools.root):
        tools.dvc("pull", *words, layout.POINTER)
