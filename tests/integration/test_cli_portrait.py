"""The job on the portrait that anybody may see, so that it is tried on every machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli_shell import Shell


def test_enrol_and_check_in(shell: Shell) -> None:
    assert shell("enrol", "Eileen Collins", "one.jpg").out == "Eileen Collins is enrolled with 1 picture.\n"
    assert shell("verify", "Eileen Collins", "two.png").code == 0
    assert shell("check-in", "two.png", "--json").document["outcome"] == "recorded"
    assert shell("check-in", "two.png", "--json").document["outcome"] == "already"
    assert len(shell("records", "--json").document["records"]) == 1
