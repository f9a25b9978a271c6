"""The job on the portrait that anybody may see, so that it is tried on every machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from tests.cli_shell import Shell

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pytest
    from numpy.typing import NDArray


def test_enrol_and_check_in(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    astronaut_jpeg: bytes,
    astronaut: NDArray[np.uint8],
) -> None:
    shell = Shell(tmp_path, monkeypatch, capfdbinary, ATTEND_ACCELERATE="0")
    (tmp_path / "one.jpg").write_bytes(astronaut_jpeg)
    Image.fromarray(astronaut).crop((60, 0, 400, 340)).save(tmp_path / "two.png")
    assert shell("enrol", "Eileen Collins", "one.jpg").out == "Eileen Collins is enrolled with 1 picture.\n"
    assert shell("verify", "Eileen Collins", "two.png").code == 0
    assert shell("check-in", "two.png", "--json").document["outcome"] == "recorded"
    assert shell("check-in", "two.png", "--json").document["outcome"] == "already"
    assert len(shell("records", "--json").document["records"]) == 1
