"""From the scores of a block of examples to ranks and top lists."""

import awe_cli.core  # noqa: F401  chooses the folder compiled code is kept in, before any is decorated
