"""Words that users search for, and the section for each.

Each becomes a main entry of the index, which the search of Sphinx ranks before everything else.
"""

from sphinx.addnodes import index
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

WORDS = {
    "asyncio": "quick-start#with-asyncio",
    "backoff": "network#retries",
    "callback": "network#event-hooks",
    "cancel": "waiting#cancellation",
    "certificate": "network#proxies-and-certificates",
    "changelog": "changelog#changelog",
    "ci": "installing#ci",
    "create": "faq#where-does-a-task-id-come-from",
    "debug": "logging#debugging-a-failed-call",
    "default": "limits#requests",
    "deprecation": "changelog#deprecation-policy",
    "docker": "installing#docker",
    "environment variable": "limits#environment-variables",
    "exponential backoff": "network#retries",
    "hook": "network#event-hooks",
    "install": "installing#pip",
    "interval": "waiting#custom-polling-interval",
    "jitter": "network#retries",
    "json": "faq#how-do-i-convert-a-task-to-json",
    "lambda": "recipes#aws-lambda-and-other-serverless-functions",
    "license": "faq#which-license",
    "limit": "limits#requests",
    "logging": "logging#turn-it-on",
    "mock": "testing#without-a-server",
    "mypy": "faq#is-it-typed-mypy-pyright",
    "opentelemetry": "network#opentelemetry",
    "pdm": "installing#pdm",
    "pipx": "installing#the-command-line-alone",
    "poetry": "installing#poetry",
    "poll": "waiting#waiting-and-polling",
    "polling": "waiting#waiting-and-polling",
    "progress": "waiting#progress-updates",
    "proxy": "network#proxies-and-certificates",
    "pyright": "faq#is-it-typed-mypy-pyright",
    "rate limit": "network#rate-limits",
    "raw response": "calls#the-whole-response",
    "resume": "waiting#resuming-after-a-timeout",
    "retry": "network#retries",
    "thread-safe": "network#threads-event-loops-and-forks",
    "timeout": "waiting#timeouts-and-deadlines",
    "trio": "faq#does-it-support-trio",
    "versioning": "changelog#versioning-policy",
    "vulnerability": "security#report-a-vulnerability",
    "webhook": "faq#are-there-webhooks",
    "windows": "installing#differences-on-macos-and-windows",
}


class SearchWords(SphinxTransform):
    """Add the words of a page to it."""

    default_priority = 800  # before Sphinx collects the index

    def apply(self, **kwargs: object) -> None:
        """Put the entries at the top of the page; each links to its section."""
        targets = (target.partition("#") for target in WORDS.values())
        entries = [
            ("single", word, anchor, "main", None)
            for word, (page, _, anchor) in zip(WORDS, targets, strict=True)
            if page == self.env.docname
        ]
        if entries:
            self.document.insert(0, index(entries=entries))


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx run the transform."""
    app.add_transform(SearchWords)
    return {"parallel_read_safe": True}
