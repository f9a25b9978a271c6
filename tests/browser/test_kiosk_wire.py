"""How the screen talks with its server: one frame at a time, and what it says when answers are late, lost or refused."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import kiosk_harness as k
from tests.browser.kiosk_steps import note_states, says, states

if TYPE_CHECKING:
    from tests.browser.kiosk_harness import Server

pytestmark = pytest.mark.browser
LATER = 20_000  # ms
# When the page sends each frame, in ms: on its way to the server one may be late, which brings it nearer to the next.
NOTE_FRAMES = """
window.sent = []
const fetched = window.fetch
window.fetch = (path, options) => {
  if (options?.body instanceof Blob) window.sent.push(performance.now())
  return fetched(path, options)
}
"""
# As WebKit does now and then: the video is there, and drawing it leaves the canvas as it was.
DRAW_EVERY_SECOND = """
window.videoDrawn = 0
const drawImage = CanvasRenderingContext2D.prototype.drawImage
CanvasRenderingContext2D.prototype.drawImage = function (source, ...rest) {
  if (source instanceof HTMLVideoElement && window.videoDrawn++ % 2) return
  drawImage.call(this, source, ...rest)
}
"""


def test_one_frame_at_a_time_however_slow_the_answers(page: Page, server: Server) -> None:
    server.delay_s = 0.3
    page.goto(server.url)
    says(page, "waiting")
    page.wait_for_timeout(2000)
    assert server.most_at_once == 1
    assert 3 <= len(server.seen) <= 9


def test_a_frame_carries_what_the_server_needs(page: Page, server: Server) -> None:
    page.goto(server.url)
    says(page, "waiting")
    page.wait_for_timeout(500)
    frame = server.seen[-1]
    assert frame["content-type"] == "image/jpeg"
    assert frame["x-xsrftoken"] == "token"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", frame["x-attend-view"])
    assert frame["x-attend-turn"] == "0"
    assert "x-attend-claim" not in frame
    assert 5_000 < int(frame["bytes"]) < 300_000


def test_a_frame_that_the_browser_did_not_draw_is_not_sent(page: Page, server: Server) -> None:
    page.add_init_script(DRAW_EVERY_SECOND)
    page.goto(server.url)
    page.wait_for_function("window.videoDrawn >= 8", timeout=LATER)
    assert len(server.seen) >= 3
    assert all(int(frame["bytes"]) > 5_000 for frame in server.seen)


def test_the_server_says_how_often(page: Page, server: Server) -> None:
    page.add_init_script(NOTE_FRAMES)
    server.frame = k.WAITING | {"every_ms": 800}
    page.goto(server.url)
    page.wait_for_timeout(5000)
    times = page.evaluate("window.sent")
    assert len(times) >= 3
    assert min(later - earlier for earlier, later in pairwise(times)) > 700


@pytest.mark.parametrize(
    "answer", [k.DECIDING, k.CHECKED_IN, (503, k.BUSY[1] | {"retry_s": 0.8})], ids=["deciding", "result", "shed"]
)
def test_the_pace_is_kept_whatever_the_answer_is(page: Page, server: Server, answer: Any) -> None:
    server.frame = answer if isinstance(answer, tuple) else answer | {"every_ms": 800}
    page.goto(server.url)
    page.wait_for_timeout(5000)
    assert 2 <= len(server.seen) <= 8, "of 25 at its own pace"


def test_a_busy_server_is_given_time_and_only_a_long_queue_is_told(page: Page, server: Server) -> None:
    note_states(page)
    server.frames.extend([k.WAITING, k.BUSY, k.BUSY, k.WAITING, k.WAITING])
    page.goto(server.url)
    page.wait_for_timeout(2500)
    assert states(page)[-1] == "waiting"
    assert "busy" not in states(page)
    server.frame = k.BUSY
    says(page, "busy")
    expect(page.get_by_role("heading", level=1)).to_have_text("One moment")
    before = len(server.seen)
    page.wait_for_timeout(1000)
    assert len(server.seen) - before <= 5  # Retry-After is 0.2 s, and a little more by chance


def test_hints_stand_for_a_while_and_are_read_out_when_they_stay(page: Page, server: Server) -> None:
    note_states(page)
    page.goto(server.url)
    says(page, "waiting")
    server.frames.extend([k.CLOSER, k.FOUND] * 20)
    page.wait_for_timeout(3000)
    times = [at for _, at in page.evaluate("window.went")][2:]
    assert len(times) >= 3
    assert min(later - earlier for earlier, later in pairwise(times)) > 550
    assert page.get_by_role("status").text_content() != "Come closer. Your face should fill the outline."
    server.frames.clear()
    server.frame = k.FOUND
    expect(page.get_by_role("status")).to_have_text("Look at the camera. Face the screen, eyes open.")


def test_a_result_is_shown_and_read_out_at_once(page: Page, server: Server) -> None:
    page.goto(server.url)
    server.frames.extend([k.DECIDING, k.CHECKED_IN])
    server.frame = k.answer("done", "Ready", "Next person, please.", boxes=[k.FACE])
    says(page, "checked-in")
    expect(page.get_by_role("status")).to_have_text("Maria Lindqvist. Checked in at 09:02:11. Not you? Choose Not me.")
    page.wait_for_timeout(2500)
    says(page, "checked-in")  # still, while the same face stands there
    says(page, "done")


def test_hold_still_is_shown_before_a_result_however_soon_that_comes(page: Page, server: Server) -> None:
    note_states(page)
    server.frames.extend([k.DECIDING, k.CHECKED_IN])
    page.goto(server.url)
    says(page, "checked-in")
    assert states(page) == ["starting", "waiting", "deciding", "checked-in"]


def test_stepping_away_ends_a_result_early(page: Page, server: Server) -> None:
    page.goto(server.url)
    server.frames.append(k.MISS | {"hold_ms": 600_000})
    says(page, "not-recognised")
    says(page, "waiting")


def test_the_next_persons_result_comes_at_once(page: Page, server: Server) -> None:
    page.goto(server.url)
    server.frames.extend([k.CHECKED_IN, k.DECIDING, k.ALREADY | {"attempt": "c" * 32, "headline": "Tom Achebe"}])
    server.frame = k.answer("done", "Ready", "Next person, please.", boxes=[k.FACE])
    expect(page.get_by_role("heading", level=1)).to_have_text("Tom Achebe")


def test_a_lost_answer_is_asked_for_until_the_store_has_it(page: Page, server: Server) -> None:
    note_states(page)
    server.frames.extend([k.DECIDING, k.LOST])
    server.attempts.extend([k.LOST, k.AWAY, {"state": "unknown"}, k.CHECKED_IN])
    page.goto(server.url)
    says(page, "checked-in")
    assert states(page)[-2:] == ["saving", "checked-in"]
    assert server.asked.count("a" * 32) == 4
    assert server.most_at_once == 1


def test_what_was_never_stored_starts_afresh(page: Page, server: Server) -> None:
    note_states(page)
    server.frames.extend([k.DECIDING, k.LOST])
    page.goto(server.url)
    says(page, "saving")
    says(page, "waiting")
    page.wait_for_timeout(500)
    assert "checked-in" not in states(page)
    assert server.seen[-1]["x-attend-turn"] == "1"


def test_away_counts_down_and_comes_back_by_itself(page: Page, server: Server) -> None:
    page.goto(server.url)
    says(page, "waiting")
    server.frame = server.status = k.refused("away", "Check-in is paused", "Nothing is being recorded.", 3)
    says(page, "away")
    expect(page.locator(".fact")).to_have_text(re.compile(r"Trying again in [1-4] s"))
    said = page.get_by_role("status")
    expect(said).to_have_text("Check-in is paused. Nothing is being recorded.")  # without the countdown
    before = len(server.seen)
    page.wait_for_timeout(2000)
    assert len(server.seen) == before, "no frame is sent meanwhile"
    server.frame, server.status = k.WAITING, k.READY
    says(page, "waiting")


def test_nobody_registered_is_said_before_anybody_stands_there(page: Page, server: Server) -> None:
    words = {"headline": "Nobody is registered yet", "help": "Please ask at the desk.", "tone": "away", "icon": "pause"}
    server.status = k.READY | words | {"state": "nobody-registered"}
    page.goto(server.url)
    says(page, "nobody-registered")
    expect(page.locator(".alt")).to_be_hidden()
    server.frame = k.DECIDING
    says(page, "deciding")
    server.frame, server.status = k.WAITING, k.READY
    says(page, "waiting")


def test_try_now(page: Page, server: Server) -> None:
    server.status = k.refused("away", "Check-in is paused", "Nothing is being recorded.", 60)
    page.goto(server.url)
    says(page, "away")
    server.status = k.READY
    page.get_by_role("button", name="Try now").click()
    says(page, "waiting")


def test_the_network_is_away_and_comes_back(page: Page, server: Server) -> None:
    page.goto(server.url)
    says(page, "waiting")
    page.context.set_offline(True)
    says(page, "away")
    page.context.set_offline(False)
    says(page, "waiting")
    assert page.evaluate("window.opened") == 1, "the camera went on"


def test_an_old_token_is_replaced(page: Page, server: Server) -> None:
    note_states(page)
    page.goto(server.url)
    says(page, "waiting")
    server.token_is_old = True
    server.frame = k.CLOSER
    says(page, "closer")
    assert "away" not in states(page)


def test_a_screen_that_is_no_longer_paired_goes_to_the_pairing_page(page: Page, server: Server) -> None:
    server.frame = k.refused("unpaired", "This screen is not paired", "An operator can pair it.", 5, 401, code="KESTREL 417")
    page.goto(server.url)
    page.wait_for_url(f"{server.url}/in/pair", timeout=LATER)


def test_frames_that_do_not_come_through_turn_to_the_button(page: Page, server: Server) -> None:
    server.frame = k.STRANGE
    page.goto(server.url)
    page.wait_for_function("() => window.fired?.some(([name, value]) => name === 'way' && value === 'snapshot')")


def test_who_chose_the_live_camera_keeps_it(page: Page, server: Server) -> None:
    page.goto(server.url)
    says(page, "waiting")
    page.evaluate("window.mount({ operator: false, snapshot: false, may_switch: false })")
    server.frame = k.STRANGE
    says(page, "away")
    assert page.evaluate("window.fired") == []


def test_a_hidden_tab_sends_nothing(page: Page, server: Server) -> None:
    page.goto(server.url)
    says(page, "waiting")
    page.evaluate("""() => {
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })
        document.dispatchEvent(new Event('visibilitychange'))
    }""")
    page.wait_for_timeout(500)
    before = len(server.seen)
    page.wait_for_timeout(1000)
    assert len(server.seen) == before
    page.evaluate("() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')) }")
    page.wait_for_timeout(1000)
    assert len(server.seen) > before


def test_called_again_the_camera_goes_on_and_the_theme_follows(page: Page, server: Server) -> None:
    page.goto(server.url)
    says(page, "waiting")
    page.evaluate("document.documentElement.dataset.dark = ''; window.mount({ operator: true, snapshot: false })")
    expect(page.locator(".kiosk")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("link", name="Office sign-in")).to_be_hidden()
    assert page.evaluate("window.opened") == 1


def test_taken_off_the_page_it_gives_the_camera_back_and_sends_nothing(page: Page, server: Server) -> None:
    page.goto(server.url)
    says(page, "waiting")
    page.evaluate("window.unmount()")
    assert page.evaluate("window.stream.getTracks().every(track => track.readyState === 'ended')")
    page.wait_for_timeout(500)
    before = len(server.seen)
    page.wait_for_timeout(700)
    assert len(server.seen) == before


def test_a_dispute_that_could_not_be_saved_says_so(page: Page, server: Server) -> None:
    server.frame = k.CHECKED_IN
    page.goto(server.url)
    says(page, "checked-in")
    page.route("**/api/kiosk/dispute", lambda route: route.abort())
    page.get_by_role("button", name="Not me").click()
    page.get_by_role("button", name="Yes, not me").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("That could not be saved")
    assert server.disputes == []
