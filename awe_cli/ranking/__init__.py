"""From the scores of a block of examples to ranks and top lists."""

import awe_cli.core  # noqa: F401  chooses the cache folder of compiled code before the first kernel is decorated
