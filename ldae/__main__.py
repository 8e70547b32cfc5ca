"""`python -m ldae`."""

from __future__ import annotations

import sys

from ldae.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
