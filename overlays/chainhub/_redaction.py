"""What may be shown of texts and addresses that came from outside.

Keys are masked in every spelling a server may echo them in: as they are, percent-encoded,
JSON-escaped, or inside base64. Signed addresses lose their queries. Nothing here can move a
cursor, break a line or grow without bound.
"""

import binascii
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

MASK = "***"
LONGEST_URL = 300
QUERY_ALLOWED = frozenset({"id"})
_NONE: frozenset[str] = frozenset()

# Fewer characters protect nothing, and masking them would make every text unreadable.
_SHORTEST_SECRET = 4
_SHORTEST_IN_BASE64 = 9
_LONGEST_CUT = 2000
# Compiled when the first text is shown: as a rule nothing is.
_KEY_SHAPED = (
    r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_\-.]{8,}|(?i:(?<=\bbearer )|(?<=\bbearer%20))[\w\-.~+/=]{8,}"
)
_ONE_WORD = r"[0-9A-Za-z_.\-]*"
_ESCAPED_ASCII = r"(?<!\\)\\+u00([2-7][0-9A-Fa-f])"
_SCHEME = r"(?i:https?|wss?):(?:\\*/){2}"
_WEB_ADDRESS = rf"{_SCHEME}[^\s\"'<>]+"
_CLOSERS = {")": "(", "]": "[", "}": "{"}
_CLOSING = r"[)\]}。，、；：！？）】》」』”’»…]"
_TRAILING = ".,;:!?`\\)]}。，、；：！？）】》」』”’»…"
_PARAMETER_NAME = r"[A-Za-z0-9_.\-\[\]]{1,40}"
_PLAIN_VALUE = r"[A-Za-z0-9._:%~+/=\-]*"
_NOTHING_TO_REDACT = rf"https?://[A-Za-z0-9.:\-/_]*(\?({'|'.join(QUERY_ALLOWED)})={_PLAIN_VALUE})?"


def redact_text(text: str, secrets: Iterable[str] = (), limit: int = 300) -> str:
    """Return the text on one line, keys and signed queries masked, at most `limit` characters."""
    if len(text) <= limit and re.fullmatch(_ONE_WORD, text):
        # As most ids are, one of which is in every record: nothing else can be in it than a key.
        shown = mask_secrets(text, secrets)
        return re.sub(_KEY_SHAPED, MASK, shown) if "sk-" in shown else shown
    window = text[: 16 * limit + _LONGEST_CUT]
    readable = re.sub(_ESCAPED_ASCII, lambda found: chr(int(found[1], 16)), window)
    shown = redact_addresses(mask(readable, secrets))
    # A key that was cut at the end of the window could not be recognised.
    return one_line(shown if len(window) == len(text) else shown[:-_LONGEST_CUT] + "…", limit)


def redact_url(url: str, *, own: bool = False) -> str:
    """Return the address without user name, password, fragment and the values of its query.

    Args:
        url: The address.
        own: Whether it is one of the API's own, which keeps the value of `id`.
    """
    if own and len(url) <= LONGEST_URL and re.fullmatch(_NOTHING_TO_REDACT, url):
        return url  # as almost all are
    return one_line(_redacted(url, QUERY_ALLOWED if own else _NONE), LONGEST_URL)


def redact_addresses(text: str, api: str | None = None) -> str:
    """Return the text with every address in it redacted, and nothing around them changed.

    Args:
        text: Any text; the cost grows with its length, not faster.
        api: The base URL whose addresses keep the value of `id`.
    """

    def shown(found: re.Match[str]) -> str:
        end = _end(found[0])
        url = found[0][:end]
        own = api is not None and url.startswith(api) and url[len(api) :][:1] in ("/", "?")
        return _redacted(url, QUERY_ALLOWED if own else _NONE) + found[0][end:]

    return re.sub(_WEB_ADDRESS, shown, text)


def mask(text: str, secrets: Iterable[str]) -> str:
    """Return the text with every spelling of every secret, and what looks like a key, masked."""
    return re.sub(_KEY_SHAPED, MASK, mask_secrets(text, secrets))


def mask_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return the text with every spelling of every secret masked, and nothing else changed."""
    for secret in secrets:
        if _SHORTEST_SECRET <= len(secret) <= len(text):  # no spelling is shorter than the secret
            text = re.sub(_spellings(secret), MASK, text)
    return text


def one_line(text: str, limit: int) -> str:
    """Return the text with blanks joined, invisible characters escaped, cut at `limit`."""
    joined = " ".join(text.split())
    if not joined.isprintable():
        shown = (one if one.isprintable() else ascii(one)[1:-1] for one in joined[:limit])
        joined = "".join(shown)
    return joined if len(joined) <= limit else joined[: limit - 1] + "…"


# A client has one secret, or a few one after the other; a pattern of its spellings is long.
@lru_cache(maxsize=16)
def _spellings(secret: str) -> str:
    spelt = "".join(map(_spelling, secret))
    return "|".join([spelt, *map(re.escape, _inside_base64(secret))])


def _spelling(character: str) -> str:
    point = ord(character)
    percent = "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
    others = rf"{percent}|\\{{1,16}}u{point:04x}|&#0*{point};|&#x0*{point:x};"
    return f"(?:{re.escape(character)}|(?i:{others}))"


def _inside_base64(secret: str) -> Iterator[str]:
    """Yield the part of its base64 that does not depend on the text around the secret."""
    raw = secret.encode("utf-8", "surrogatepass")
    if len(raw) < _SHORTEST_IN_BASE64:
        return
    for before in range(3):
        first = (before * 8 + 5) // 6
        last = (before + len(raw)) * 8 // 6
        encoded = binascii.b2a_base64(bytes(before) + raw, newline=False).decode()[first:last]
        yield encoded
        yield encoded.replace("+", "-").replace("/", "_")


def _redacted(url: str, allowed: frozenset[str]) -> str:
    address, _, _ = url.partition("#")
    address, mark, query = address.partition("?")
    shown = "&".join(_parameter(pair, allowed) for pair in query.split("&"))
    return _without_user(address) + mark + shown


def _end(run: str) -> int:
    """Return where an address ends, of which only blanks and quotes were looked at so far.

    Behind its last parameter a closing bracket, or a mark that no address has, ends it. The mark
    must be behind the last one: what follows it is shown.
    """
    end = len(run.rstrip(_TRAILING))
    start = re.search(r"[?#]", run)
    if start is None:
        return end
    last = max(run.rfind("&", 0, end), start.start())
    for found in re.compile(_CLOSING).finditer(run, last, end):
        opener = _CLOSERS.get(found[0])
        if opener is None or run.find(opener, last, found.start()) < 0:
            rest = run[found.start() : end]
            return end if re.search(_SCHEME, rest) else found.start()
    return end


def _without_user(address: str) -> str:
    scheme, slashes, rest = address.replace("\\/", "/").partition("//")
    if not slashes:
        scheme, rest = "", address
    host, _, _ = rest.partition("/")
    _, colon, port = host.partition(":")
    # A password may hold an unescaped slash: then what looks like a port is none.
    if "@" in host or (colon and "@" in rest and not port.isdigit()):
        rest = rest.rpartition("@")[2]
    return scheme + slashes + rest


def _parameter(pair: str, allowed: frozenset[str]) -> str:
    name, equals, value = pair.partition("=")
    if not pair:
        return ""
    if not equals or not re.fullmatch(_PARAMETER_NAME, name):
        return MASK
    kept = name in allowed and re.fullmatch(_PLAIN_VALUE, value)
    return f"{name}={value if kept else MASK}"
