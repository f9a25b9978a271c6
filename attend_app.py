"""Door: the app in the browser. Start it with `make run` or `streamlit run attend_app.py`."""

import streamlit as st

from attendance.errors import SettingsError
from attendance.ui.server import SCRIPT, parts

try:
    # Written out, rather than create_app(): `streamlit run` looks for this very call before it starts the file as a server.
    app = st.App(SCRIPT, **parts())
except SettingsError as error:
    raise SystemExit(str(error)) from None
