"""Small pictures of registered people, made once each and kept while the server runs; only what a page shows is made."""

from __future__ import annotations

import base64
import io

import streamlit as st
from PIL import Image

from attendance.errors import ImageUnreadableError, PersonNotFoundError
from attendance.ui.resources import application

SIDE_PX = 72  # shown at half of that, so that it is sharp on dense screens
KEPT = 2_000  # about 4 MB of thumbnails


@st.cache_data(max_entries=500, show_spinner=False)
def portrait(reference_id: str) -> bytes | None:
    """The face in a stored picture as a JPEG of 240 x 240; None where the picture is gone or can't be read.

    A reference's picture never changes, so it is made once.
    """
    try:
        face = application().portrait(application().people.picture(reference_id))
    except (ImageUnreadableError, PersonNotFoundError):
        return None
    return _jpeg(Image.fromarray(face))


@st.cache_data(max_entries=KEPT, show_spinner=False)
def thumbnail(reference_id: str) -> str | None:
    """The same, small, as an address that holds the picture itself."""
    large = portrait(reference_id)
    if large is None:
        return None
    with Image.open(io.BytesIO(large)) as image:
        small = image.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
    return "data:image/jpeg;base64," + base64.b64encode(_jpeg(small)).decode()


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82)
    return out.getvalue()
