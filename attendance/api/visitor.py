"""Who a request or a websocket comes from, as the guard found out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

KEY = "attend.visitor"  # in the ASGI scope


@dataclass(frozen=True, slots=True)
class Visitor:
    """One visitor at one moment; asked anew for each request and for each message of a page.

    Attributes:
        who: the operator who is signed in, or None.
        session_id: of that operator's session, or None.
        device: the id in the signed device cookie; made by the guard where there was none.
        paired: whether an operator paired this screen.
        may_check_in: a paired screen, an operator, or anybody where the kiosk is open to all.
        names: may be offered people's names: a paired screen or an operator.
        address: where the request comes from, behind a trusted proxy the forwarded address.
        away: the database could not be asked, so that operator and paired screen are not known; nobody is let in for it.
    """

    who: str | None
    session_id: str | None
    device: str
    paired: bool
    may_check_in: bool
    names: bool
    address: str
    away: bool = False


def visitor_of(request: HTTPConnection) -> Visitor:
    """The visitor of this request. Every request has one, for the guard stands before all routes."""
    visitor: Visitor = request.scope[KEY]
    return visitor
