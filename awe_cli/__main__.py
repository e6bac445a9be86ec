"""`python -m awe_cli` is `awe`."""

from __future__ import annotations

import sys

from awe_cli.app import main

sys.exit(main())
