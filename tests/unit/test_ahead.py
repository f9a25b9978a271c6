"""What the office's pages need is imported after the recognition is ready, and never before or after the server's life."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys, threading
import attendance.ui.server  # as a server that starts
from attendance.ui import ahead

HEAVY = {"altair", "pandas", "pyarrow", "attendance.ui.records", "attendance.ui.thresholds"}

class Server:
    def __init__(self, state):
        self.state, self.stopped, self.warmed = state, threading.Event(), False
    def application(self):
        return self
    def warm(self):
        assert not HEAVY & set(sys.modules), "a check-in would wait for the office's libraries"
        self.warmed = True

never = Server("starting")
waiting = threading.Thread(target=ahead.bring_in, args=[never])
waiting.start()
never.stopped.set()
waiting.join(30)
print(waiting.is_alive(), never.warmed, sorted(HEAVY & set(sys.modules)))
ready = Server("ready")
ahead.bring_in(ready)
print(ready.warmed, sorted(HEAVY - set(sys.modules)))
"""


def test_the_pages_libraries_come_after_the_recognition_and_not_without_it() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if "pages_ready" not in line]
    assert said == ["False False []", "True []"]


FIRST = """
import importlib, sys
import attendance.ui.server
for page in sys.argv[1:]:
    importlib.import_module(f"attendance.ui.{page}")
from attendance.ui.charts import LIGHT, arrivals
arrivals([("08:00", 1)], ("08:00", 0.5), LIGHT)
print(sorted({"altair", "pandas", "pyarrow"} & set(sys.modules)))
"""


def test_a_page_that_is_opened_before_them_waits_for_what_it_shows_alone() -> None:
    from attendance.ui import ahead

    command = [sys.executable, "-c", FIRST, *ahead.PAGES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_no_page_of_the_office_is_forgotten() -> None:
    from attendance.ui import ahead
    from attendance.ui.app import OFFICE

    assert {page.removesuffix("_page") for page in ahead.PAGES} == set(OFFICE)
