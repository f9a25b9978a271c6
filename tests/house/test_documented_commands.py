"""Commands in docs/dvc.md and docs/quick-start.md are there, with the options that are named: ours, DVC's, and scripts."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from attendance import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("dvc.md", "quick-start.md")
COMMANDS: dict[str, Any] = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]  # a group, by its type


def lines() -> list[str]:
    """Every command of the blocks of shell, and those between backticks."""
    found = []
    for page in PAGES:
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
        found += [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
        found += re.findall(r"`((?:python -m attendance|dvc) [^`]+)`", text)
    return sorted({line for line in found if line and not line.startswith("#")})


@pytest.mark.parametrize("line", [line for line in lines() if "-m attendance" in line])
def test_our_commands_are_there(line: str) -> None:
    words = shlex.split(line)
    command, *rest = words[words.index("attendance") + 1 :]
    known = {name for parameter in COMMANDS[command].params for name in parameter.opts}
    assert {word for word in rest if word.startswith("-")} <= known


@pytest.mark.parametrize("line", [line for line in lines() if line.startswith("dvc ")])
def test_dvc_s_commands_are_there(line: str) -> None:
    from dvc.cli import parse_args  # type: ignore[import-untyped]  # ships no types

    words = shlex.split(line.replace("…", "status"))[1:]
    assert parse_args(words).func


def test_scripts_are_there() -> None:
    text = "".join((ROOT / "docs" / page).read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"\bscripts/[\w-]+\.\w+", text))
    assert {"scripts/nightly_export.sh", "scripts/with_env.sh"} <= named
    assert not [name for name in named if not (ROOT / name).is_file()]
