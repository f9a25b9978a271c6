"""Export here, restore on another machine, and check in there at once, with the real models."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.cli_shell import Shell


def test_a_check_in_works_at_once_after_a_restore(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, astronaut_jpeg: bytes
) -> None:
    assert shell("enrol", "Eileen Collins", "one.jpg").code == 0
    assert shell("check-in", "two.png", "--json").document["outcome"] == "recorded"
    assert shell("export", "--json").document["pictures"]["added"] == 1
    assert (tmp_path / "data/mongodb_export/images/Eileen Collins/Eileen Collins_0.jpg").read_bytes() == astronaut_jpeg

    monkeypatch.setenv("ATTEND_STORE_URL", f"sqlite:///{tmp_path}/elsewhere.db")
    done = shell("restore", "data/mongodb_export")
    assert (done.code, done.out) == (0, f"Restored from {tmp_path}/data/mongodb_export.\n")
    # No `prepare`, no `reembed`: the templates came with the export.
    checked = shell("check-in", "two.png", "--json").document
    # The restored record counts for the cooldown, where less than that has gone by.
    assert (checked["person"], checked["outcome"] in {"already", "recorded"}) == ("Eileen Collins", True)
    refused = shell("restore", "data/mongodb_export", "--json")
    assert (refused.code, refused.document["error"]) == (8, "ExportError")
    assert "It alone has 1 attempts" in refused.document["message"]
