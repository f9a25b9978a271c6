"""The script that Streamlit runs for each visit; everything is in app.py."""

from attendance.ui.app import main

main()
