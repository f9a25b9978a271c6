"""`python -m attendance …`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    try:
        from attendance.cli import main

        sys.exit(main())
    except KeyboardInterrupt:  # while the modules are still being imported
        sys.exit(130)
