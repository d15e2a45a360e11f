"""Redaction of texts and URLs from outside, for messages and logs.

Keys are masked in every encoding in which a server may echo them: as they are, percent-encoded,
JSON-escaped, or inside base64. Signed URLs lose their queries. No result can move a cursor, break a
line or grow without bound.
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
# Compiled for the first text: most programs redact none.
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
        # Most ids are such a word, and every record has one: it can contain no secret but a key.
        result = mask_secrets(text, secrets)
        return re.sub(_KEY_SHAPED, MASK, result) if "sk-" in result else result
    window = text[: 16 * limit + _LONGEST_CUT]
    readable = re.sub(_ESCAPED_ASCII, lambda match: chr(int(match[1], 16)), window)
    result = redact_addresses(mask(readable, secrets))
    # A key that was cut at the end of the window could not be recognised.
    return one_line(result if len(window) == len(text) else result[:-_LONGEST_CUT] + "…", limit)


def redact_url(url: str, *, own: bool = False) -> str:
    """Return the URL without user name, password, fragment and the values of its query.

    Args:
        url: The URL.
        own: Whether it is one of the API's own, which keeps the value of `id`.
    """
    if own and len(url) <= LONGEST_URL and re.fullmatch(_NOTHING_TO_REDACT, url):
        return url  # almost all are such
    return one_line(_redacted(url, QUERY_ALLOWED if own else _NONE), LONGEST_URL)


def redact_addresses(text: str, api: str | None = None) -> str:
    """Return the text with every URL in it redacted, and nothing else changed.

    Args:
        text: Any text; the cost grows with its length, not faster.
        api: The base URL whose addresses keep the value of `id`.
    """

    def redact_match(match: re.Match[str]) -> str:
        end = _end(match[0])
        url = match[0][:end]
        own = api is not None and url.startswith(api) and url[len(api) :][:1] in ("/", "?")
        return _redacted(url, QUERY_ALLOWED if own else _NONE) + match[0][end:]

    return re.sub(_WEB_ADDRESS, redact_match, text)


def mask(text: str, secrets: Iterable[str]) -> str:
    """Return the text with every encoding of every secret, and what looks like a key, masked."""
    return re.sub(_KEY_SHAPED, MASK, mask_secrets(text, secrets))


def mask_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return the text with every encoding of every secret masked, and nothing else changed."""
    for secret in secrets:
        if _SHORTEST_SECRET <= len(secret) <= len(text):  # no encoding is shorter than the secret
            text = re.sub(_secret_pattern(secret), MASK, text)
    return text


def one_line(text: str, limit: int) -> str:
    """Return the text with blanks joined, invisible characters escaped, cut at `limit`."""
    line = " ".join(text.split())
    if not line.isprintable():
        characters = (char if char.isprintable() else ascii(char)[1:-1] for char in line[:limit])
        line = "".join(characters)
    return line if len(line) <= limit else line[: limit - 1] + "…"


# A client has one secret, or a few one after the other; compiling their patterns takes long.
@lru_cache(maxsize=16)
def _secret_pattern(secret: str) -> str:
    pattern = "".join(map(_character_pattern, secret))
    return "|".join([pattern, *map(re.escape, _inside_base64(secret))])


def _character_pattern(character: str) -> str:
    code_point = ord(character)
    percent = "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
    escapes = rf"{percent}|\\{{1,16}}u{code_point:04x}|&#0*{code_point};|&#x0*{code_point:x};"
    return f"(?:{re.escape(character)}|(?i:{escapes}))"


def _inside_base64(secret: str) -> Iterator[str]:
    """Yield the parts of the secret's base64 that do not depend on the text around it."""
    raw = secret.encode("utf-8", "surrogatepass")
    if len(raw) < _SHORTEST_IN_BASE64:
        return
    for offset in range(3):
        first = (offset * 8 + 5) // 6
        last = (offset + len(raw)) * 8 // 6
        encoded = binascii.b2a_base64(bytes(offset) + raw, newline=False).decode()[first:last]
        yield encoded
        yield encoded.replace("+", "-").replace("/", "_")


def _redacted(url: str, allowed_names: frozenset[str]) -> str:
    address, _, _ = url.partition("#")
    address, mark, query = address.partition("?")
    parameters = "&".join(_parameter(pair, allowed_names) for pair in query.split("&"))
    return _without_user(address) + mark + parameters


def _end(text: str) -> int:
    """Return where the URL at the beginning of a text without blanks and quotes ends.

    A closing bracket, or a character that no URL has, ends it, but only after the last parameter:
    what follows the end is not redacted.
    """
    end = len(text.rstrip(_TRAILING))
    start = re.search(r"[?#]", text)
    if start is None:
        return end
    last = max(text.rfind("&", 0, end), start.start())
    for match in re.compile(_CLOSING).finditer(text, last, end):
        opener = _CLOSERS.get(match[0])
        if opener is None or text.find(opener, last, match.start()) < 0:
            rest = text[match.start() : end]
            return end if re.search(_SCHEME, rest) else match.start()
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


def _parameter(pair: str, allowed_names: frozenset[str]) -> str:
    name, equals, value = pair.partition("=")
    if not pair:
        return ""
    if not equals or not re.fullmatch(_PARAMETER_NAME, name):
        return MASK
    is_allowed = name in allowed_names and re.fullmatch(_PLAIN_VALUE, value)
    return f"{name}={value if is_allowed else MASK}"
