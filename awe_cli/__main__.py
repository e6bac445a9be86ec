"""`python -m awe_cli` is `awe`."""

from __future__ import annotations

import sys

from awe_cli.app import main
from awe_cli.cli.process import own_process

own_process()


sys.exit(main())
