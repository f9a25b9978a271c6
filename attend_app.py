"""Door: the app in the browser. Start it with `make run` or `streamlit run attend_app.py`."""

from attendance.ui.app import main

main()
