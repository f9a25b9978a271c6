"""The kiosk's routes: frames from a running camera, and what the screen asks beside them.

A frame is worked on by one of the few threads of the engine, or refused at once. Everything that is told as recorded was
stored before; after a lost answer the screen asks by the attempt's id.
"""

from __future__ import annotations

import json
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from attendance.api.cookies import DEVICE
from attendance.api.kiosk_wire import (
    AGAIN_S,
    SHED_S,
    Refused,
    answer_as_json,
    asked_of,
    foreign,
    refusal,
    screen_for,
    status_as_json,
)
from attendance.api.limits import Buckets
from attendance.api.requests import BodyTooLong, body, same_origin
from attendance.api.running import Busy, running
from attendance.api.sign_in import network
from attendance.api.streamlit_private import xsrf_valid
from attendance.api.visitor import visitor_of
from attendance.domain.model import PersonStatus
from attendance.domain.names import name_key
from attendance.domain.policy import checked_attempt_id
from attendance.errors import AttendanceError, ConflictError, SettingsError
from attendance.services.clock import now_utc
from attendance.services.live_answer import EVERY_MS, LiveAnswer
from attendance.services.live_words import AWAY, BUSY, NOBODY, READY, UNKNOWN, UNPAIRED, UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from attendance.api.kiosk_wire import Asked
    from attendance.api.running import Running
    from attendance.api.visitor import Visitor
    from attendance.bootstrap import Application
    from attendance.domain.model import Attempt

    Handler = Callable[[Request], Awaitable[Response]]

MOST_BYTES = 300_000  # of a frame; at 640x480 one has about 30 kB
TOLD_FOR = timedelta(minutes=10)  # for so long a screen may ask after its attempts, and dispute them
SUGGESTED = 6
LOOKED_THROUGH = 1_000  # people that fit, of whom the suggested are taken

# A kiosk sends five to seven frames a second. Twenty of them may sit behind one address; nobody else needs as much.
_frames = Buckets(rate=12, burst=24)
_frames_here = Buckets(rate=240, burst=480)
_questions = Buckets(rate=5, burst=30)
_questions_here = Buckets(rate=100, burst=300)

log = structlog.get_logger(__name__)


def _guarded(handler: Handler) -> Handler:
    """Whatever cannot be done is answered with words for the screen."""

    @wraps(handler)
    async def guarded(request: Request) -> Response:
        try:
            await _admit(request)
            return await handler(request)
        except Refused as refused:
            return refused.answer
        except (BodyTooLong, TimeoutError) as error:
            return foreign(408 if isinstance(error, TimeoutError) else 413)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody hears it
        except AttendanceError as error:
            log.warning("kiosk_away", error=type(error).__name__)
            return refusal(503, screen_for(error), AGAIN_S)

    return guarded


async def _admit(request: Request) -> None:
    """Let in who may check in, does not ask too often, and comes from a page of ours.

    Raises:
        Refused: one of these is not so.
    """
    visitor = visitor_of(request)
    if visitor.away:
        raise Refused(refusal(503, AWAY, AGAIN_S))
    if not visitor.may_check_in:
        raise Refused(refusal(401, UNPAIRED, AGAIN_S, code=await _code(request, visitor)))
    is_frame = request.url.path.endswith("/frame")
    _take(visitor, *((_frames, _frames_here) if is_frame else (_questions, _questions_here)))
    if request.method == "POST" and not (same_origin(request.headers) and xsrf_valid(request.headers, request.cookies)):
        raise Refused(foreign(403))


def _take(visitor: Visitor, own: Buckets, here: Buckets) -> None:
    """Count one question. Raises Refused where there were too many."""
    wait_s = here.wait_s(network(visitor.address)) or own.wait_s(visitor.device)
    if wait_s:
        raise Refused(refusal(429, BUSY, wait_s))


@_guarded
async def frame(request: Request) -> Response:
    """One frame of the camera."""
    if request.headers.get("content-type") != "image/jpeg":
        return foreign(415)
    asked, visitor, here = asked_of(request.headers), visitor_of(request), running()
    _application(here)
    picture = await body(request, MOST_BYTES)
    if not picture.startswith(b"\xff\xd8\xff"):
        return refusal(422, UNREADABLE)
    screen = f"{visitor.device} {asked.view}"
    try:
        answer = await here.check_in(_look, here, asked, picture, visitor.device)
    except Busy:
        return refusal(503, BUSY, max(SHED_S, here.pace.again_ms(screen, EVERY_MS) / 1e3))
    return answer_as_json(answer, here.settings, here.pace.every_ms(screen, answer.every_ms, urgent=answer.is_urgent))


@_guarded
async def attempt(request: Request) -> Response:
    """What became of an attempt whose answer was lost."""
    here, attempt_id = running(), request.path_params["attempt_id"]
    application, device = _application(here), visitor_of(request).device
    if application.live.is_at_work(device, attempt_id):
        return refusal(503, BUSY, SHED_S)  # it may be stored in this very moment
    stored = await here.ask(lambda: _told(application, attempt_id, device))
    answer = LiveAnswer(UNKNOWN) if stored is None else application.live.answer_for(stored)
    return answer_as_json(answer, here.settings)


@_guarded
async def dispute(request: Request) -> Response:
    """The person said "Not me": the record is marked for the office."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return foreign(415)
    attempt_id = _attempt_of(await body(request, 1_000))
    here, device = running(), visitor_of(request).device
    application = _application(here)

    def mark() -> Attempt | None:
        stored = _told(application, attempt_id, device)
        return None if stored is None else application.disputes.open(attempt_id)

    try:
        marked = await here.ask(mark)
    except ConflictError:
        marked = None
    if marked is None:
        return refusal(404, UNKNOWN)
    return answer_as_json(application.live.dispute(device, attempt_id), here.settings)


@_guarded
async def people(request: Request) -> Response:
    """Names that fit what somebody types; only for whom names may be shown."""
    if not visitor_of(request).names:
        return foreign(403)
    typed, here = request.query_params.get("q", ""), running()
    application = _application(here)
    found = await here.ask(lambda: _suggested(application, typed)) if len(name_key(typed)) >= 2 else []
    return JSONResponse(found)


async def status(request: Request) -> Response:
    """How the kiosk is, and what kind it is; also for a screen that may not check anybody in."""
    visitor, here = visitor_of(request), running()
    kind = {"mode": here.settings.params.policy.kiosk_mode, "names": visitor.names}
    try:
        _take(visitor, _questions, _questions_here)
        if visitor.away:
            return status_as_json(AWAY, here.settings, **kind)
        if not visitor.may_check_in:
            return status_as_json(UNPAIRED, here.settings, **kind, code=await _code(request, visitor))
        await here.ask(here.follow)  # a screen that waits for a name sends no frame that would
        application = _ready(here)
        if application is None:
            return status_as_json(screen_for(here.error), here.settings, **kind)
        kind["mode"] = application.live.policy.mode
        here.writes.require()
        count = await here.ask(application.store.count_people)
    except Refused as refused:
        return refused.answer
    except AttendanceError as error:
        return status_as_json(screen_for(error), here.settings, **kind)
    return status_as_json(READY if count else NOBODY, here.settings, **kind)


def routes() -> list[Route]:
    """The routes."""
    return [
        Route("/api/kiosk/frame", frame, methods=["POST"]),
        Route("/api/kiosk/attempt/{attempt_id}", attempt, methods=["GET"]),
        Route("/api/kiosk/dispute", dispute, methods=["POST"]),
        Route("/api/kiosk/people", people, methods=["GET"]),
        Route("/api/kiosk/status", status, methods=["GET"]),
    ]


def _ready(here: Running) -> Application | None:
    """The application where it is ready; a request never waits until it is, for a thread brings it up."""
    if here.state != "ready":
        here.start()
        return None
    return here.application()


def _application(here: Running) -> Application:
    """The same. Raises Refused where it is not ready."""
    application = _ready(here)
    if application is None:
        raise Refused(refusal(503, screen_for(here.error), AGAIN_S))
    return application


def _look(here: Running, asked: Asked, picture: bytes, device: str) -> LiveAnswer:
    """In a thread of the engine."""
    here.follow()
    live = here.application().live
    return live.look(asked.view, picture, device=device, claimed=asked.claimed, turn=asked.turn)


def _told(application: Application, attempt_id: str, device: str) -> Attempt | None:
    """The attempt, if this screen may hear of it."""
    try:
        stored = application.store.attempt(checked_attempt_id(attempt_id))
    except SettingsError:
        return None
    if stored is None or stored.device != device or now_utc() - stored.at_utc > TOLD_FOR:
        return None
    return stored


def _attempt_of(data: bytes) -> str:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):  # the second: lists in lists in lists
        raise Refused(foreign(422)) from None
    attempt_id = content.get("attempt") if isinstance(content, dict) else None
    if not isinstance(attempt_id, str):
        raise Refused(foreign(422))
    return attempt_id


def _suggested(application: Application, typed: str) -> list[dict[str, str | None]]:
    """Active people with a word in their name that begins so. The store looks for it in staff numbers and groups as well,
    which must not show.
    """
    wanted, found = name_key(typed), []
    for person in application.store.people(search=typed.strip()[:200], status=PersonStatus.ACTIVE, limit=LOOKED_THROUGH):
        key = name_key(person.name)
        if key.startswith(wanted) or f" {wanted}" in key:
            found.append({"id": person.person_id, "name": person.name, "group": person.group})
    return found[:SUGGESTED]


async def _code(request: Request, visitor: Visitor) -> str | None:
    """The code that pairs this screen; None where its browser brought no cookie, or where none can be given now."""
    here = running()
    try:
        cookies, devices = await here.ask(lambda: (here.cookies, here.devices))
        if cookies.read(request.cookies, DEVICE) != visitor.device:
            return None
        return await here.ask(lambda: devices.code_for(visitor.device, source=network(visitor.address)))
    except AttendanceError:
        return None
