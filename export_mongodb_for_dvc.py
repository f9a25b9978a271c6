"""Door: export the database into a folder that DVC versions. docs/export.md is its manual."""

import sys

from attendance.cli import main

if __name__ == "__main__":
    sys.exit(main(["export", *sys.argv[1:]]))
