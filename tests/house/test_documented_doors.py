"""What the docs don't mention does not exist: commands, options, exit codes, settings, errors and reasons."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from attendance import cli, errors
from attendance.cli.failures import Exit
from attendance.cli.records import COLUMNS
from attendance.domain.model import Reason
from attendance.settings import PREFIX, Params, Settings

ROOT = Path(__file__).resolve().parents[2]
COMMANDS: dict[str, Any] = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]  # a group, by its type


def read(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    """Each command's part of cli.md, from the heading that names it to the next heading."""
    found: dict[str, str] = {}
    for block in re.split(r"^##+ ", text, flags=re.MULTILINE)[1:]:
        heading, _, rest = block.partition("\n")
        for command in re.findall(r"`([a-z-]+)[^`]*`", heading):
            found[command] = f"{heading}\n{rest}"
    return found


def options_of(command: Any) -> list[str]:
    return [name for parameter in command.params for name in parameter.opts if name.startswith("-")]


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert set(sections(read("cli.md"))) == set(COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_of_a_command_is_documented(command: str) -> None:
    text = read("cli.md")
    section = sections(text)[command]
    general = {"--help", "-h", "--json"}  # said once, at the top
    missing = [option for option in options_of(COMMANDS[command]) if option not in general and f"`{option}" not in section]
    assert not missing
    assert all(f"`{option}`" in text for option in general)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_section_names_no_option_that_is_not_there(command: str) -> None:
    named = set(re.findall(r"^\| `(--?[a-z-]+)", sections(read("cli.md"))[command], flags=re.MULTILINE))
    assert named <= set(options_of(COMMANDS[command]))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_speaks_json_and_says_what_it_does(command: str) -> None:
    assert "--json" in options_of(COMMANDS[command])
    assert COMMANDS[command].help


def test_the_options_before_a_command_are_documented() -> None:
    text = read("cli.md")
    group = typer.main.get_command(cli.app)
    missing = [name for name in options_of(group) if name not in {"--help", "-h"} and f"`{name}`" not in text]
    assert not missing


def test_every_exit_code_is_documented() -> None:
    rows = {int(code) for code in re.findall(r"^\| (\d+) \|", read("cli.md"), flags=re.MULTILINE)}
    assert rows == {int(code) for code in Exit}


def test_every_column_of_the_records_is_documented() -> None:
    section = sections(read("cli.md"))["records"]
    assert not [column for column in COLUMNS if f"`{column}`" not in section]


def test_every_setting_is_documented() -> None:
    text = read("settings.md")
    fields = [PREFIX + name.upper() for name in Settings.model_fields if name != "params"]
    for group, field in Params.model_fields.items():
        assert field.annotation is not None
        fields += [f"{group}.{name}" for name in field.annotation.model_fields]
    missing = [name for name in fields if f"`{name}`" not in text]
    assert not missing


def test_every_error_is_in_the_tree_and_the_tree_is_true() -> None:
    tree = inspect.getdoc(errors) or ""
    path: list[str] = []
    drawn: dict[str, str] = {}
    for line in tree.splitlines():
        match = re.match(r"^((?:[│├└─ ] ?)*)([A-Z]\w+Error)\b", line)
        if match:
            depth = len(re.findall(r"[│├└]", match[1]))
            path[depth:] = [match[2]]
            drawn[match[2]] = path[depth - 1] if depth else "Exception"
    classes = {
        name: kind.__bases__[0].__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, Exception)
    }
    assert drawn == classes


def test_every_reason_is_documented() -> None:
    text = read("reasons.md")
    assert not [reason for reason in Reason if f"`{reason}`" not in text]
