"""Face attendance: recognise who stands at the camera and record it truthfully. See docs/architecture.md for the rooms."""

__version__ = "0.1.0"
