"""The logger `chainhub`: silent unless asked, and nothing secret in the loggers below ours.

`CHAINHUB_LOG=info` (or `debug`) prints to standard error; without it the standard library's
configuration decides. httpx logs whole URLs at INFO, and httpcore and hpack log headers at DEBUG,
signed URLs and echoed keys among them. A filter redacts both, but only what is logged while one of
our own requests is under way: what else a program logs through these loggers is its own affair.
"""

from __future__ import annotations

import logging
import os
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING

from chainhub._redaction import mask, redact_addresses, redact_text

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("chainhub")
logger.addHandler(logging.NullHandler())

LOGGERS_BELOW = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
    "hpack.hpack",
    "hpack.table",
)
# Compiled with the first record, which in most programs is never made.
_FROM_OUTSIDE = r"(?s)\b(return_value|exception)=.*"


UNDER_WAY: ContextVar[tuple[str | None, Callable[[], tuple[str, ...]]] | None]
UNDER_WAY = ContextVar("chainhub_under_way", default=None)
"""The request of ours that this thread or task is making, if any: the base URL whose addresses keep
the value of `id` (None for media), and what returns the secrets to mask."""


class OwnRecords(logging.Filter):
    """Redacts what other loggers say about our own requests, and leaves all other records alone."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record if it is about a request of ours; it is always kept."""
        ours = UNDER_WAY.get()
        if ours is not None:
            api, secrets = ours
            text = record.getMessage()
            told = re.sub(_FROM_OUTSIDE, r"\1=…", text)
            shown = redact_addresses(mask(told, secrets()), api)
            if shown != text:
                record.msg, record.args = shown, ()
        return True


_FILTER = OwnRecords()
_LEVELS = {"": None, "INFO": logging.INFO, "DEBUG": logging.DEBUG}


def guard_logs() -> None:
    """Install the filter, and the handler that `CHAINHUB_LOG` asks for; twice does no harm."""
    for name in LOGGERS_BELOW:
        logging.getLogger(name).addFilter(_FILTER)
    asked = os.environ.get("CHAINHUB_LOG", "").strip()
    level = _LEVELS.get(asked.upper(), logging.WARNING)
    if level is None or len(logger.handlers) > 1:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(level)
    if level == logging.WARNING:
        shown = redact_text(asked, limit=40)
        logger.warning("CHAINHUB_LOG is %r, which is not a level; use info or debug", shown)
