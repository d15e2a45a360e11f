"""The logger `chainhub`: silent unless asked, and no query string in the loggers below ours.

`CHAINHUB_LOG=info` (or `debug`) prints to standard error; without it the standard library's
configuration decides. httpx logs whole URLs at INFO, and httpcore at DEBUG whatever an answer's
head holds, signed URLs and echoed keys among it, so a filter cuts both there.
"""

from __future__ import annotations

import logging
import os
import re

logger = logging.getLogger("chainhub")
logger.addHandler(logging.NullHandler())

LOGGERS_BELOW = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)
# Compiled with the first record, which in most programs is never made.
_QUERY = r"(https?://[^\s?'\"]*)\?[^\s'\"]*"
_FROM_OUTSIDE = r"(?s)\b(return_value|exception)=.*"


class CutQueries(logging.Filter):
    """Cuts the query from every URL of a record, and what httpcore tells of answers."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; it is always kept."""
        text = record.getMessage()
        cut = re.sub(_FROM_OUTSIDE, r"\1=…", re.sub(_QUERY, r"\1?…", text))
        if cut != text:
            record.msg, record.args = cut, ()
        return True


_FILTER = CutQueries()


def guard_logs() -> None:
    """Install the filter, and the handler that `CHAINHUB_LOG` asks for; twice does no harm."""
    for name in LOGGERS_BELOW:
        logging.getLogger(name).addFilter(_FILTER)
    level = os.environ.get("CHAINHUB_LOG", "").strip().upper()
    if level in ("DEBUG", "INFO") and len(logger.handlers) == 1:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(level)
