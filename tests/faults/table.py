"""Faults between a client and a service, by name, and the outcome that a user should get.

Every fault is a script for the server and an outcome: the value of the last call, or an error's
class and what its text must say. Transient faults end in a value, because the client retries;
permanent ones in one typed error.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping

import attrs

from tests.faults.server import (
    Act,
    Close,
    Flood,
    HalfClose,
    Hang,
    Pause,
    Reset,
    Send,
    Step,
    Trickle,
)

ID = "veo3.1-fast:1760545785-euexscdeL8"
TASK: Mapping[str, object] = {
    "id": ID,
    "status": "completed",
    "video_url": "https://cdn.example.com/v/final.mp4?sig=abc",
    "enhanced_prompt": "a cow",
    "status_update_time": 1770350329098,
}
KEY = "sk-test-Zm9yLXRlc3RzLW9ubHk"
MEGABYTE = 1 << 20


def _default_fields() -> dict[str, object]:
    return {"id": ID, "status": "completed"}


@attrs.frozen
class Value:
    """The last call returns a task with these fields."""

    fields: Mapping[str, object] = attrs.field(factory=_default_fields)


@attrs.frozen
class Error:
    """The last call raises one of these classes; its text holds these words, in any case.

    Facts are attributes of the error.
    """

    kinds: tuple[str, ...]
    says: tuple[str, ...] = ()
    facts: Mapping[str, object] = attrs.field(factory=dict)


Outcomes = tuple[Value | Error, ...]


@attrs.frozen(kw_only=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        name: Its name.
        outcomes: The permitted outcomes.
        script: An act per request.
        accept: An act per connection.
        calls: How many queries are made; all but the last succeed.
        requests: How many requests the server must see, if that matters.
        client: Arguments of the client that differ from the usual ones.
        tls: The identity of a server that speaks TLS.
        scheme: The scheme of the base URL, if it is not what the server speaks.
        late: Seconds until the port listens.
        listening: Whether the port listens at all.
        memory: Bytes the calls may take at most, if that matters.
    """

    name: str
    outcomes: Outcomes
    script: tuple[Act, ...] = ()
    accept: tuple[Act, ...] = ()
    calls: int = 1
    requests: int | None = None
    client: Mapping[str, object] = attrs.field(factory=dict)
    tls: str | None = None
    scheme: str | None = None
    late: float = 0.0
    listening: bool = True
    memory: int | None = None

    @property
    def tries(self) -> int:
        """How often it may be tried: a busy machine misses short limits now and then."""
        limits = [self.client.get(name, 60.0) for name in ("timeout", "deadline")]
        return 5 if self.late or min(limits) < 1 else 1  # type: ignore[type-var]


@attrs.frozen
class Shape:
    """The form of a good answer: its body, from the fields of a task, and its content type."""

    body: Callable[[Mapping[str, object]], bytes]
    kind: str = "application/json"


def _as_json(fields: Mapping[str, object]) -> bytes:
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


_shapes = [Shape(_as_json)]


def task(**changes: object) -> bytes:
    """Return a good body with some fields changed; `...` removes a field."""
    return _shapes[-1].body({**TASK, **changes})


def with_member(member: str) -> bytes:
    """Return a good body with one more member, written as it is."""
    return task()[:-1] + b", " + member.encode("utf-8", "surrogatepass") + b"}"


def answer(
    body: bytes | None = None,
    status: str = "200 OK",
    *headers: str,
    length: str | None = "right",
    kind: str | None = None,
    version: str = "HTTP/1.1",
) -> bytes:
    """Return an answer; its length is right unless given, and left out for None."""
    body = task() if body is None else body
    kind = _shapes[-1].kind if kind is None else kind
    lines = [f"{version} {status}"]
    lines += [f"Content-Type: {kind}"] if kind else []
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length == 'right' else length}")
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


def chunk(data: bytes, size: str | None = None) -> bytes:
    """Return one chunk; its size is right unless given."""
    size = f"{len(data):x}" if size is None else size
    return size.encode() + b"\r\n" + data + b"\r\n"


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n", coding: str = "chunked") -> bytes:
    """Return an answer in chunks, sent as they are."""
    head = answer(b"", "200 OK", f"Transfer-Encoding: {coding}", length=None)
    return head + b"".join(chunks) + end


def steps(*parts: bytes | Step) -> Act:
    """Return an act of bytes and steps."""
    return tuple(Send(part) if isinstance(part, bytes) else part for part in parts)


def usual() -> Act:
    """Return the act of a good answer."""
    return steps(answer())


GOOD = usual()
SECOND = steps(answer(task(enhanced_prompt="second")))
OK: Outcomes = (Value(),)
IS_SECOND: Outcomes = (Value({"enhanced_prompt": "second"}),)
BROKEN = "ConnectionFailedError"


def fails(kind: str, *says: str, **facts: object) -> Outcomes:
    """Return the outcome that is one error; several classes are separated by bars."""
    return (Error(tuple(kind.split("|")), says, facts),)


def retries(name: str, act: Act, kind: str, *says: str) -> Iterator[Fault]:
    """Yield a fault that happens once, and ends in a value, and the same fault at every attempt."""
    client = {"timeout": 0.1} if kind == "RequestTimeoutError" else {}
    yield Fault(name=f"{name} once", script=(act, usual()), outcomes=OK, requests=2, client=client)
    outcomes = fails(kind, *says, attempts=2)
    yield Fault(
        name=f"{name} always",
        script=(act,),
        outcomes=outcomes,
        requests=2,
        client=client,
    )


def final(name: str, body: bytes, kind: str, *says: str, **facts: object) -> Fault:
    """Return a fault in a complete answer: a retry would be useless."""
    act = steps(answer(body, "200 OK", "X-Oneapi-Request-Id: r-9"))
    outcomes = fails(kind, *says, request_id="r-9", **facts)
    return Fault(name=name, script=(act,), outcomes=outcomes, requests=1)


def not_http(name: str, *parts: bytes | Step, says: tuple[str, ...] = ()) -> Fault:
    """Return a fault that is not HTTP: it ends in an error of the client, never in a value."""
    kinds = "ConnectionFailedError|ResponseError"
    return Fault(name=name, script=(steps(*parts),), outcomes=fails(kinds, *says))


def endless(name: str, beginning: bytes, piece: bytes) -> Fault:
    """Return a fault with a line, or lines, without end, which must not fill the memory."""
    return Fault(
        name=name,
        script=(steps(beginning, Flood(piece)),),
        outcomes=fails(f"{BROKEN}|ResponseError|RequestTimeoutError"),
        client={"retry": {"attempts": 1}},
        memory=32 * MEGABYTE,
    )


def _connection() -> Iterator[Fault]:
    words = ("could not connect", "refused")
    yield Fault(name="refused", listening=False, outcomes=fails(BROKEN, *words, attempts=2))
    more_attempts = {"retry": {"attempts": 6}}
    yield Fault(
        name="refused at first",
        late=0.03,
        script=(usual(),),
        outcomes=OK,
        client=more_attempts,
        requests=1,
    )
    for end, step in (("closed", Close()), ("reset", Reset())):
        yield Fault(
            name=f"{end} when accepted once", accept=((step,), ()), script=(usual(),), outcomes=OK
        )
        yield Fault(
            name=f"{end} when accepted always",
            accept=((step,),),
            outcomes=fails(BROKEN, attempts=2),
        )
        words = ("reset",) if end == "reset" else ()
        yield from retries(f"{end} after the request", (step,), BROKEN, *words)
        good = answer()
        head = good.index(b"\r\n\r\n") + 4
        places = {
            "in the version": 4,
            "in the status line": 11,
            "in a header": 30,
            "before the empty line": head - 2,
            "before the body": head,
            "in the body": head + 20,
            "before the last byte": len(good) - 1,
        }
        words = ("reset",) if end == "reset" else ("incomplete",)
        for place, count in places.items():
            yield from retries(f"{end} {place}", steps(good[:count], step), BROKEN, *words)
    yield from retries("half closed after the request", (HalfClose(),), BROKEN)
    yield Fault(name="slow but in time", script=(steps(Pause(0.02), answer()),), outcomes=OK)
    yield Fault(
        name="trickling but in time",
        script=(steps(Trickle(answer(), every=0.001, size=4)),),
        outcomes=OK,
    )


def _silence() -> Iterator[Fault]:
    good = answer()
    head = good.index(b"\r\n\r\n") + 4
    places = {
        "before the answer": 0,
        "in the status line": 11,
        "in a header": 30,
        "before the body": head,
        "in the body": head + 20,
    }
    for place, count in places.items():
        hang = steps(good[:count], Hang())
        yield from retries(f"silence {place}", hang, "RequestTimeoutError", "within")
        # Half a minute at least, for a client that limits only the time between two bytes.
        rest = steps(good[:count], Trickle(good[count:] + b" " * 1500))
        kind = f"trickle {place}"
        if count < head:
            yield from retries(kind, rest, "RequestTimeoutError", "within")
    slow_body = steps(answer(length="5000"), Trickle(b" " * 5000))
    yield from retries("trickle in the body", slow_body, "RequestTimeoutError", "within")
    sizes = steps(chunked(end=b""), Trickle(chunk(b"x") * 500))
    yield from retries("trickle in chunks", sizes, "RequestTimeoutError", "within")
    heads = steps(b"HTTP/1.1 200 OK\r\n", Trickle(b"X-A: b\r\n" * 1500, size=8))
    yield from retries("trickle of headers without end", heads, "RequestTimeoutError", "within")
    yield Fault(
        name="the deadline before the time-out",
        script=((Hang(),),),
        outcomes=fails("DeadlineError", "deadline"),
        client={"deadline": 0.1},
    )
    yield Fault(
        name="the deadline in a trickle",
        script=(slow_body,),
        outcomes=fails("DeadlineError", "deadline"),
        client={"deadline": 0.1},
    )
    yield Fault(
        name="the deadline between attempts",
        script=(steps(Pause(0.15), Close()),),
        outcomes=fails("DeadlineError|ConnectionFailedError"),
        client={"deadline": 0.2, "retry": {"attempts": 9}},
    )


def _kept_alive() -> Iterator[Fault]:
    def pair(name: str, *acts: Act, outcomes: Outcomes = IS_SECOND, calls: int = 2) -> Fault:
        return Fault(name=f"second call: {name}", script=acts, outcomes=outcomes, calls=calls)

    good = answer()
    poison = answer(task(enhanced_prompt="poison", status="failed"))
    first = steps(good)
    yield pair("the same connection", first, SECOND)
    yield pair("closed after the first", steps(good, Close()), SECOND)
    yield pair("closed a little later", steps(good, Pause(0.02), Close()), SECOND)
    yield pair("reset after the first", steps(good, Pause(0.02), Reset()), SECOND)
    yield pair("half closed after the first", steps(good, HalfClose()), SECOND)
    yield pair("closed on the second request", first, (Close(),), SECOND)
    yield pair("reset on the second request", first, (Reset(),), SECOND)
    yield pair("closed in the second answer", first, steps(good[:40], Close()), SECOND)
    yield pair("announced as the last", steps(answer(None, "200 OK", "Connection: close")), SECOND)
    http10 = answer(version="HTTP/1.0")
    yield pair("an old version", steps(http10, Close()), SECOND)
    extra = {
        "a whole answer": poison,
        "half an answer": poison[:30],
        "an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n",
        "a time-out notice": answer(b"", "408 Request Timeout", "Connection: close"),
        "garbage": b"\x00\x01garbage",
        "an empty line": b"\r\n",
        "a line of text": b"oops\r\n",
    }
    for rest, data in extra.items():
        yield pair(f"{rest} left over at once", steps(good + data), SECOND)
        yield pair(f"{rest} left over later", steps(good, Pause(0.01), data), SECOND)
        yield pair(f"{rest} left over, then closed", steps(good + data, Close()), SECOND)
    short_length = answer(task() + b" " * 9, length=str(len(task())))
    yield pair("a length that was too short", steps(short_length), SECOND)
    no_content = answer(b"", "204 No Content", length=None) + poison
    yield Fault(
        name="an answer behind a 204",
        script=(steps(no_content),),
        outcomes=fails("ResponseError", "204"),
    )
    yield Fault(
        name="an answer behind a 304",
        script=(steps(answer(b"", "304 Not Modified", length=None) + poison),),
        outcomes=fails("RedirectError|StatusError", "304"),
    )


def _lengths() -> Iterator[Fault]:
    good = task()
    too_long = steps(answer(length=str(len(good) + 50)), Close())
    yield from retries("a length that is too long, closed", too_long, BROKEN)
    hanging = steps(answer(length=str(len(good) + 50)), Hang())
    yield from retries("a length that is too long, silent", hanging, "RequestTimeoutError")
    yield not_http("a length that is too short", answer(length="40"))
    for length in ("-5", "abc", "0x10", "+5", "1e3", "", " ", "9" * 30, "5 5", "5;6"):
        yield not_http(f"length {length[:10]!r}", answer(length=length), Close())
    yield Fault(
        name="a length far above the limit",
        script=(steps(answer(length=str(10**12)), Hang()),),
        outcomes=fails("ResponseError", "limit"),
        requests=1,
    )
    yield not_http("two lengths that differ", answer(None, "200 OK", "Content-Length: 7"))
    equal = answer(None, "200 OK", f"Content-Length: {len(good)}")
    yield Fault(name="two lengths that agree", script=(steps(equal),), outcomes=(*OK, *NOT_HTTP))
    lengths = answer(length=f"{len(good)}, {len(good)}")
    yield Fault(name="a list of equal lengths", script=(steps(lengths),), outcomes=(*OK, *NOT_HTTP))
    length_and_chunks = answer(good, "200 OK", "Transfer-Encoding: chunked")
    yield not_http("a length and chunks that are none", length_and_chunks, Close())
    unmeasured = steps(answer(length=None), Close())
    yield Fault(name="no length, closed at the end", script=(unmeasured,), outcomes=OK)
    yield from retries("no length, reset at the end", steps(answer(length=None), Reset()), BROKEN)
    yield not_http("no length, closed too early", answer(good[:-9], length=None), Close())
    for name, beginning, piece in (
        ("a body without end", answer(b"", length=None), b" " * 65536),
        ("chunks without end", chunked(end=b""), chunk(b" " * 65536)),
    ):
        yield Fault(
            name=name,
            script=(steps(beginning, Flood(piece)),),
            outcomes=fails("ResponseError", "limit"),
            client={"max_body": MEGABYTE},
            requests=1,
            memory=16 * MEGABYTE,
        )
    yield endless("headers without end", b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000)
    yield endless("one header without end", b"HTTP/1.1 200 OK\r\nX-A: ", b"b" * 65536)


NOT_HTTP = fails("ConnectionFailedError|ResponseError")


def _chunks() -> Iterator[Fault]:
    good = task()
    half = len(good) // 2
    valid = {
        "one chunk": chunked(chunk(good)),
        "many chunks": chunked(*(chunk(good[i : i + 1]) for i in range(len(good)))),
        "upper case": chunked(chunk(good, f"{len(good):X}")),
        "leading zeros": chunked(chunk(good, f"000{len(good):x}")),
        "extensions": chunked(chunk(good, f"{len(good):x};name=value")),
        "trailers": chunked(chunk(good), end=b"0\r\nX-A: b\r\nX-C: d\r\n\r\n"),
        "upper-case coding": chunked(chunk(good), coding="Chunked"),
    }
    for name, data in valid.items():
        yield Fault(name=f"chunks: {name}", script=(steps(data),), outcomes=OK, requests=1)
    no_last = chunked(chunk(good), end=b"")
    yield from retries("chunks: no last one, closed", steps(no_last, Close()), BROKEN)
    yield from retries("chunks: no last one, reset", steps(no_last, Reset()), BROKEN)
    yield from retries("chunks: no last one, silent", steps(no_last, Hang()), "RequestTimeoutError")
    partial_chunk = chunked(chunk(good[:half], f"{len(good):x}"), end=b"")
    yield from retries("chunks: closed inside one", steps(partial_chunk[:-2], Close()), BROKEN)
    no_end = chunked(chunk(good), end=b"0\r\n")
    yield from retries("chunks: closed before the last line", steps(no_end, Close()), BROKEN)
    for size in ("xyz", "-5", "0x10", "", " ", "f" * 30, "1 2"):
        data = chunked(chunk(good, size))
        yield not_http(f"chunks: size {size[:10]!r}", data, Close())
    yield not_http("chunks: no line end behind one", chunked(chunk(good)[:-2] + b"XX"), Close())
    yield not_http(
        "chunks: shorter than said", chunked(chunk(good[:half], f"{half + 9:x}")), Close()
    )
    yield endless("chunks: a size line without end", chunked(end=b""), b"1" * 65536)
    for coding in ("gzip", "chunked, chunked", "identity", "x", "gzip, chunked", "chunked, gzip"):
        data = chunked(chunk(good), coding=coding)
        yield not_http(f"transfer coding {coding!r}", data, Close())


def _heads() -> Iterator[Fault]:
    good = task()
    valid = {
        "no reason": answer(None, "200"),
        "an empty reason": answer(None, "200 "),
        "a reason in Latin-1": answer(None, "200 d\xe9j\xe0 vu"),
        "an old version": answer(version="HTTP/1.0"),
        "a header in Latin-1": answer(None, "200 OK", "X-A: d\xe9j\xe0 vu"),
        "an empty header": answer(None, "200 OK", "X-A:"),
        "a hundred cookies": answer(None, "200 OK", *(f"Set-Cookie: c{i}=v" for i in range(100))),
        "upper case": answer().replace(b"Content-", b"CONTENT-"),
        "a broken date": answer(None, "200 OK", "Date: yesterday", "Expires: -1", "Age: old"),
    }
    for name, data in valid.items():
        yield Fault(name=f"head: {name}", script=(steps(data, Close()),), outcomes=OK, requests=1)
    odd = {
        "bare line feeds": answer().replace(b"\r\n", b"\n"),
        "a folded header": answer(None, "200 OK", "X-A: b", "  c"),
        "an 8 KB header": answer(None, "200 OK", f"X-A: {'b' * 8192}"),
        "a 60 KB header": answer(None, "200 OK", f"X-A: {'b' * 61440}"),
        "a thousand headers": answer(None, "200 OK", *(f"X-{i}: v" for i in range(1000))),
        "NUL in a value": answer(None, "200 OK", "X-A: b\0c"),
        "two content types": answer(None, "200 OK", "Content-Type: text/html"),
        "an empty line before": b"\r\n" + answer(),
        "a later minor version": answer(version="HTTP/1.9"),
        "a later version": answer(version="HTTP/2.0"),
        "a reason of 8 KB": answer(None, f"200 {'x' * 8192}"),
    }
    for name, data in odd.items():
        script = (steps(data, Close()),)
        yield Fault(name=f"head: {name}", script=script, outcomes=(*OK, *NOT_HTTP))
    invalid = {
        "nothing": b"",
        "only empty lines": b"\r\n\r\n\r\n",
        "text": b"hello, this is not HTTP\r\n",
        "only a body": good,
        "HTML": b"<html><body>hello</body></html>",
        "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
        "SMTP": b"220 mail.example.com ESMTP\r\n",
        "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
        "HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\0" * 18,
        "binary": bytes(range(256)) * 8,
        "a request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "another protocol": answer(version="ICY"),
        "lower case": answer(version="http/1.1"),
        "version 1": answer(version="HTTP/1"),
        "no version": answer(version=""),
        "status 20": answer(None, "20 OK"),
        "status 2000": answer(None, "2000 OK"),
        "status abc": answer(None, "abc OK"),
        "status -1": answer(None, "-1 OK"),
        "status 000": answer(None, "000 OK"),
        "status 099": answer(None, "099 OK"),
        "a header without a colon": answer(None, "200 OK", "nonsense"),
        "a header without a name": answer(None, "200 OK", ": value"),
        "a space in a name": answer(None, "200 OK", "X A: b"),
        "a space before the colon": answer(None, "200 OK", "Content-Encoding : gzip"),
        "a 1 MB header": answer(None, "200 OK", f"X-A: {'b' * MEGABYTE}"),
        "a 1 MB reason": answer(None, f"200 {'x' * MEGABYTE}"),
    }
    for name, data in invalid.items():
        yield not_http(f"head: {name}", data, Close(), says=("not valid HTTP",) if data else ())


def _interim() -> Iterator[Fault]:
    proceed = b"HTTP/1.1 100 Continue\r\n\r\n"
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
    for name, data in (
        ("100", proceed),
        ("102", b"HTTP/1.1 102 Processing\r\n\r\n"),
        ("103", hints),
        ("three of them", proceed + hints + proceed),
    ):
        script = (steps(data + answer()),)
        yield Fault(name=f"interim: {name}, then the answer", script=script, outcomes=OK)
    yield from retries("interim: 100, then closed", steps(proceed, Close()), BROKEN)
    yield from retries("interim: 100, then silence", steps(proceed, Hang()), "RequestTimeoutError")
    yield Fault(
        name="interim: without end",
        script=((Flood(proceed * 100),),),
        outcomes=fails(f"{BROKEN}|ResponseError|RequestTimeoutError"),
        client={"timeout": 0.3, "retry": {"attempts": 1}},
    )
    switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
    yield Fault(
        name="interim: 101 as the answer",
        script=(steps(switching, Hang()),),
        outcomes=fails(BROKEN, "switched protocols"),
    )


def _bomb(before: bytes, behind: bytes) -> bytes:
    """Return 64 MB of spaces between two texts, as one gzip member of 64 KB."""
    packer = zlib.compressobj(9, wbits=-15)
    block = b" " * MEGABYTE
    parts = [packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)]
    parts += [packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)]
    parts += [parts[-1]] * 63
    parts += [packer.compress(behind) + packer.flush()]
    total = zlib.crc32(before)
    for _ in range(64):
        total = zlib.crc32(block, total)
    total = zlib.crc32(behind, total)
    size = len(before) + 64 * MEGABYTE + len(behind)
    head = b"\x1f\x8b\x08" + b"\0" * 6 + b"\xff"
    return head + b"".join(parts) + total.to_bytes(4, "little") + size.to_bytes(4, "little")


def _codings() -> Iterator[Fault]:
    def encoded(
        name: str, coding: str, body: bytes, outcomes: Outcomes, **options: object
    ) -> Fault:
        act = steps(answer(body, "200 OK", f"Content-Encoding: {coding}"))
        return Fault(name=f"coding: {name}", script=(act,), outcomes=outcomes, **options)  # type: ignore[arg-type]

    good, packed = task(), gzip.compress(task())
    unusable = fails("ResponseError|ConnectionFailedError")
    yield encoded("gzip", "gzip", packed, OK, requests=1)
    yield encoded("GZIP", "GZIP", packed, OK, requests=1)
    yield encoded("x-gzip", "x-gzip", packed, OK, requests=1)
    yield encoded("identity", "identity", good, OK, requests=1)
    yield encoded("empty", "", good, OK, requests=1)
    members = gzip.compress(good[:50]) + gzip.compress(good[50:])
    yield encoded("gzip in two members", "gzip", members, OK, requests=1)
    yield encoded("deflate", "deflate", zlib.compress(good), (*OK, *unusable))
    yield encoded("gzip twice", "gzip, gzip", gzip.compress(packed), (*OK, *unusable))
    yield encoded("gzip that is none", "gzip", good, fails("ResponseError", "gzip"), requests=1)
    yield encoded("gzip cut short", "gzip", packed[:-20], unusable)
    yield encoded("gzip without its end", "gzip", packed[:-8], unusable)
    wrong_sum = packed[:-8] + b"\0\0\0\0" + packed[-4:]
    yield encoded("gzip with a wrong sum", "gzip", wrong_sum, unusable)
    corrupt = packed[:30] + bytes([packed[30] ^ 0xFF]) + packed[31:]
    yield encoded("gzip with a flipped byte", "gzip", corrupt, unusable)
    yield encoded("gzip and garbage", "gzip", packed + b"garbage", (*OK, *unusable))
    yield encoded("gzip and zeros", "gzip", packed + b"\0" * 64, (*OK, *unusable))
    yield encoded("gzip of nothing", "gzip", gzip.compress(b""), fails("ResponseError"), requests=1)
    yield encoded("nothing as gzip", "gzip", b"", fails("ResponseError"), requests=1)
    yield final("coding: gzip that is not announced", packed, "ResponseError")
    for coding in ("br", "zstd", "compress", "x", "gzip;q=1"):
        failure = fails("ResponseError", coding)
        yield encoded(coding, coding, packed, failure, requests=1)
    bomb = _bomb(good[:-1], b"}")
    small = {"max_body": 4 * MEGABYTE}
    for name, coding, body in (
        ("a bomb", "gzip", bomb),
        ("a bomb in a bomb", "gzip", gzip.compress(bomb)),
        ("a bomb in members", "gzip", gzip.compress(b" " * MEGABYTE) * 64),
        ("a bomb coded twice", "gzip, gzip", gzip.compress(bomb)),
    ):
        yield encoded(
            name,
            coding,
            body,
            fails("ResponseError"),
            client=small,
            requests=1,
            memory=24 * MEGABYTE,
        )
    slow_bomb = steps(
        answer(b"", "200 OK", "Content-Encoding: gzip", length=str(len(bomb))),
        Trickle(bomb, every=0.001, size=2048),
    )
    yield Fault(
        name="coding: a bomb that trickles",
        script=(slow_bomb,),
        outcomes=fails("ResponseError", "limit"),
        client=small,
        requests=1,
        memory=24 * MEGABYTE,
    )
    refusal = answer(bomb, "500 Oops", "Content-Encoding: gzip")
    yield Fault(
        name="coding: a bomb in an error",
        script=(steps(refusal),),
        outcomes=fails("ServerError", "500"),
        client={**small, "retry": {"attempts": 1}},
        memory=24 * MEGABYTE,
    )


def _redirects() -> Iterator[Fault]:
    def redirect(name: str, status: str, *headers: str, body: bytes = b"", says: str = "") -> Fault:
        return Fault(
            name=f"redirect: {name}",
            script=(steps(answer(body, status, *headers)),),
            outcomes=fails("RedirectError", status[:3], says, status=int(status[:3])),
            requests=1,
        )

    for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"):
        yield redirect(f"{status} to a stranger", status, "Location: {{stranger}}/v1/video/query")
    yield redirect("302 to itself", "302 Found", "Location: {{self}}/v1/video/query")
    yield redirect("302 to a path", "302 Found", "Location: /elsewhere", says="/elsewhere")
    yield redirect("302 to nowhere", "302 Found")
    yield redirect("302 to an empty place", "302 Found", "Location: ")
    yield redirect("302 to a file", "302 Found", "Location: file:///etc/passwd")
    yield redirect("302 to no URL", "302 Found", "Location: http://[::1")
    yield redirect("302 to two places", "302 Found", "Location: /a", "Location: {{stranger}}")
    yield redirect("302 with the key", "302 Found", f"Location: {{{{stranger}}}}/?key={KEY}")
    yield redirect("300 with a task", "300 Multiple Choices", body=task())
    yield redirect("302 with a task", "302 Found", "Location: /x", body=task())
    yield redirect("305", "305 Use Proxy", "Location: {{stranger}}")
    yield redirect("399", "399 Odd", "Location: {{stranger}}")


def _envelope(message: str, code: object = "", **members: object) -> bytes:
    error = {"message": message, "type": "new_api_error", "code": code, **members}
    return json.dumps({"error": error}).encode()


_NAMES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    402: "QuotaExceededError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableError",
    429: "RateLimitError",
}
_RETRIED = (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529, 530)
_FINAL = (
    *(400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 411, 413, 414, 415, 418, 422, 423, 424),
    *(426, 428, 431, 451, 499, 501, 505, 506, 507, 508, 510, 511, 525, 526, 599),
)


def _class_of(status: int) -> str:
    return _NAMES.get(status, "ServerError" if status >= 500 else "StatusError")


def _statuses() -> Iterator[Fault]:
    request_id = "X-Oneapi-Request-Id: 20251106120000123"
    for status in _RETRIED:
        body = _envelope("the upstream is busy", "upstream_busy")
        act = steps(answer(body, f"{status} Oops", request_id))
        yield Fault(name=f"status {status} once", script=(act, usual()), outcomes=OK, requests=2)
        facts = {"status": status, "attempts": 2, "request_id": "20251106120000123"}
        says = (str(status), "the upstream is busy", "20251106120000123")
        outcomes = fails(_class_of(status), *says, **facts)
        yield Fault(name=f"status {status} always", script=(act,), outcomes=outcomes, requests=2)
    for status in _FINAL:
        body = _envelope("this cannot be done", "E77")
        act = steps(answer(body, f"{status} Oops", request_id))
        facts = {"status": status, "code": "E77", "request_id": "20251106120000123"}
        outcomes = fails(_class_of(status), str(status), "this cannot be done", **facts)
        yield Fault(name=f"status {status}", script=(act,), outcomes=outcomes, requests=1)
    for status in (600, 799, 999):
        act = steps(answer(b"", f"{status} Odd"), Close())
        outcomes = fails("StatusError|ServerError|ConnectionFailedError")
        yield Fault(name=f"status {status}", script=(act,), outcomes=outcomes)


def _status_bodies() -> Iterator[Fault]:
    def error(name: str, line: str, body: bytes, kind: str, *says: str, **facts: object) -> Fault:
        act = steps(answer(body, line))
        outcomes = fails(kind, line[:3], *says, **facts)
        return Fault(name=f"error body: {name}", script=(act,), outcomes=outcomes)

    quota = _envelope("the user quota is not enough", "insufficient_user_quota")
    yield error("quota", "403 Forbidden", quota, "QuotaExceededError", "quota")
    limit = _envelope("no quota left", "insufficient_quota")
    yield error("quota as 429", "429 Too Many", limit, "QuotaExceededError|RateLimitError", "quota")
    no_task = b'{"code": "task_not_exist", "message": "task_not_exist", "data": null}'
    yield error("no such task", "400 Bad", no_task, "TaskNotFoundError", code="task_not_exist")
    route = _envelope("Invalid URL (GET /v1/video/query)", "")
    yield error("no such route", "404 Not Found", route, "NotFoundError", "Invalid URL")
    inner = json.dumps({"message": "the prompt was refused", "code": "E5"})
    wrapped = json.dumps({"code": "fail_to_fetch_task", "message": inner, "data": None}).encode()
    yield error("JSON in a string", "500 Oops", wrapped, "ServerError", "the prompt was refused")
    yield error("a string", "500 Oops", b'{"error": "boom"}', "ServerError", "boom")
    yield error("a number as code", "400 Bad", _envelope("no", 1234), "BadRequestError", "no")
    yield error("a problem", "400 Bad", b'{"title": "bad id", "detail": "x"}', "BadRequestError")
    yield error("a detail", "422 No", b'{"detail": "id is odd"}', "UnprocessableError", "id is odd")
    fields = b'{"detail": [{"loc": ["query", "id"], "msg": "too short", "type": "x"}]}'
    yield error("a list of details", "422 No", fields, "UnprocessableError", "too short")
    cloudflare = (
        b"<!DOCTYPE html><html><head><title>Access denied | api.example.com used Cloudflare to"
        b" restrict access</title></head><body><h1>Error 1010</h1>Ray ID: 8a1</body></html>"
    )
    blocked = "PermissionDeniedError"
    yield error("Cloudflare's page", "403 Forbidden", cloudflare, blocked, "cloudflare")
    nginx = b"<html>\r\n<head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
    yield error("a gateway's page", "502 Bad Gateway", nginx, "ServerError", "bad gateway")
    bodies = {
        "empty": b"",
        "spaces": b"  \r\n ",
        "null": b"null",
        "a list": b'["a", "b"]',
        "a JSON string": b'"boom"',
        "a JSON number": b"7",
        "an empty object": b"{}",
        "an error that is null": b'{"error": null}',
        "an error that is a list": b'{"error": [1, 2]}',
        "an error that is a number": b'{"error": 5}',
        "a message that is an object": b'{"error": {"message": {"a": 1}}}',
        "cut JSON": b'{"error": {"mess',
        "binary": bytes(range(256)) * 64,
        "invalid UTF-8": b'{"error": {"message": "\xff\xfe boom"}}',
        "lone surrogates": b'{"error": {"message": "\\ud800 boom"}}',
        "deep nesting": b"[" * 100_000,
        "a deep object": b'{"error":' * 20_000 + b"1" + b"}" * 20_000,
        "ten megabytes": b"internal error! " * 655_360,
        "a huge number": b'{"error": ' + b"9" * 100_000 + b"}",
        "control characters": b'{"error": {"message": "a\\u001b[31m\\r\\nb\\u0000c\\u202ed"}}',
        "the key": f'{{"error": {{"message": "bad key {KEY}"}}, "key": "{KEY}"}}'.encode(),
        "the key in HTML": f"<html><title>{KEY}</title>{KEY}</html>".encode(),
    }
    for name, body in bodies.items():
        yield error(f"{name}, 500", "500 Oops", body, "ServerError", status=500, attempts=2)
        yield error(f"{name}, 401", "401 No", body, "AuthenticationError", status=401, attempts=1)
    echoes = {
        "a header": answer(b"", "500 Oops", f"X-Echo: Bearer {KEY}"),
        "the reason": answer(b"", f"500 {KEY}"),
        "a broken status line": f"HTTP/1.1 {KEY} {KEY}\r\n\r\n".encode(),
        "a broken header": f"HTTP/1.1 500 Oops\r\n{KEY}\r\n\r\n".encode(),
        "a broken chunk": chunked(f"{KEY}\r\n".encode()),
        "the body's coding": answer(b"", "500 Oops", f"Content-Encoding: {KEY}"),
        "the place of a redirect": answer(b"", "302 Found", f"Location: /{KEY}"),
        "the request id": answer(b"", "500 Oops", f"X-Oneapi-Request-Id: {KEY}"),
        "a member of an answer": task(status_update_time=KEY),
        "no JSON": f"hello {KEY}".encode(),
        "left-over bytes": answer(_envelope("no"), "500 Oops") + KEY.encode(),
    }
    for name, data in echoes.items():
        data = data if data.startswith(b"HTTP/") else answer(data)
        outcomes = fails("ServerError|ConnectionFailedError|ResponseError|RedirectError")
        yield Fault(name=f"the key in {name}", script=(steps(data, Close()),), outcomes=outcomes)
    partial = steps(answer(_envelope("no"), "401 No", length="900"), Close())
    yield Fault(
        name="error body: cut off, 401",
        script=(partial,),
        outcomes=fails("AuthenticationError|ConnectionFailedError"),
    )
    unknown_coding = steps(answer(_envelope("no"), "401 No", "Content-Encoding: br"))
    yield Fault(
        name="error body: in an unknown coding, 401",
        script=(unknown_coding,),
        outcomes=fails("AuthenticationError", "401"),
        requests=1,
    )
    junk = steps(answer(b"junk", "503 No", "Content-Encoding: gzip"))
    yield Fault(
        name="error body: broken gzip, 503",
        script=(junk, usual()),
        outcomes=OK,
        requests=2,
    )


def _retry_after() -> Iterator[Fault]:
    def hint(name: str, *headers: str, status: str = "429 Slow", **options: object) -> Fault:
        act = steps(answer(b"", status, *headers))
        return Fault(name=f"retry after: {name}", script=(act, usual()), **options)  # type: ignore[arg-type]

    for value in ("0", "0.05", "-5", "nan", "inf", "soon", "", "\xb2", "1e-2", "0x1", "1,5"):
        yield hint(f"{value!r}", f"Retry-After: {value}", outcomes=OK, requests=2)
    yield hint("a past date", "Retry-After: Wed, 01 Jan 2020 00:00:00 GMT", outcomes=OK)
    yield hint("no date", "Retry-After: Wed, 99 Foo 2020 00:00:00 GMT", outcomes=OK)
    yield hint("milliseconds", "Retry-After-Ms: 20", outcomes=OK, requests=2)
    yield hint("503", "Retry-After: 0", status="503 Busy", outcomes=OK, requests=2)
    too_long = fails("RateLimitError", "429", retry_after=3600.0, attempts=1)
    for value in ("3600", "3600.0"):
        header = f"Retry-After: {value}"
        yield hint(f"{value} s", header, outcomes=too_long, requests=1)
    too_late = fails("RateLimitError", "429", retry_after=30.0)
    soon = {"deadline": 20.0}
    yield hint("beyond the deadline", "Retry-After: 30", outcomes=too_late, requests=1, client=soon)
    for name, value in (("centuries", "9" * 18), ("digits without end", "9" * 5000)):
        outcomes = fails("RateLimitError", "429")
        yield hint(name, f"Retry-After: {value}", outcomes=(*outcomes, *OK))
    far = "Retry-After: Fri, 01 Jan 2100 00:00:00 GMT"
    yield hint("a far date", far, outcomes=fails("RateLimitError", "429"))


def _hidden_errors() -> Iterator[Fault]:
    yield final(
        "hidden: success is false",
        b'{"success": false, "message": "the channel is closed"}',
        "StatusError|ResponseError",
        "the channel is closed",
    )
    yield final(
        "hidden: a code and a message",
        b'{"code": 400, "message": "no such id", "data": null}',
        "StatusError|ResponseError|BadRequestError",
        "no such id",
    )
    yield final(
        "hidden: a code without data",
        b'{"code": "success", "data": null}',
        "StatusError|ResponseError",
    )
    yield final(
        "hidden: an error envelope",
        _envelope("the key is bad", "invalid_key"),
        "StatusError|ResponseError|AuthenticationError",
        "the key is bad",
    )
    yield final(
        "hidden: no such task",
        b'{"code": "task_not_exist", "message": "task_not_exist", "data": null}',
        "TaskNotFoundError|StatusError|ResponseError",
        "task_not_exist",
    )


def _documents() -> Iterator[Fault]:
    good = task()
    no_json = {
        "empty": b"",
        "spaces": b" \r\n\t ",
        "HTML": b"<!DOCTYPE html><html><title>Welcome</title></html>",
        "text": b"ok",
        "cut": good[:-20],
        "a comma too many": good[:-1] + b",}",
        "single quotes": good.replace(b'"', b"'"),
        "a comment": b"/* hello */" + good,
        "two documents": good + good,
        "garbage behind": good + b"garbage",
        "NUL behind": good + b"\0",
        "binary": bytes(range(256)),
        "invalid UTF-8": good.replace(b"a cow", b"a \xff cow"),
        "half a character": good.replace(b"a cow", b"a \xe4\xbd"),
        "NaN": with_member('"score": NaN'),
        "Infinity": with_member('"score": Infinity'),
        "-Infinity": with_member('"score": -Infinity'),
        "a tab in a string": good.replace(b"a cow", b"a\tcow"),
        "deep lists": b"[" * 100_000 + b"]" * 100_000,
        "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "a deep member": with_member('"x": ' + "[" * 100_000 + "]" * 100_000),
        "form data": b"id=1&status=completed",
        "events": b'data: {"id": "x"}\n\ndata: [DONE]\n\n',
    }
    for name, body in no_json.items():
        yield final(f"body: {name}", body, "ResponseError", status=200, attempts=1)
    no_object = {
        "null": b"null",
        "a list": b"[]",
        "a list of a task": b"[" + good + b"]",
        "a string": b'"ok"',
        "a number": b"7",
        "true": b"true",
        "an empty object": b"{}",
        "another object": b'{"hello": "world"}',
    }
    for name, body in no_object.items():
        yield final(f"body: {name}", body, "ResponseError", status=200)


def _fields() -> Iterator[Fault]:
    for name in ("id", "status", "status_update_time"):
        body = task(**{name: ...})
        yield final(f"field: no {name}", body, "ResponseError", name, field=name)
    wrong = {
        "id": ("null", "5", "true", "[]", "{}", '["x"]'),
        "status": ("null", "5", "false", "[]", '["completed"]', "{}"),
        "status_update_time": ("null", "true", "1.5", '"soon"', "[]", "{}", "1e400", "9" * 5000),
        "video_url": ("5", "true", "[]", '{"href": "x"}'),
        "enhanced_prompt": ("5", "false", "[]", "{}"),
    }
    for name, values in wrong.items():
        for value in values:
            body = task(**{name: ...})[:-1] + f', "{name}": {value}}}'.encode()
            facts = {} if value == "1e400" or len(value) > 100 else {"field": name}
            yield final(f"field: {name} is {value[:20]}", body, "ResponseError", **facts)


def _values() -> Iterator[Fault]:
    def good(name: str, body: bytes, kind: str = "application/json", **fields: object) -> Fault:
        expected = Value({**_default_fields(), **fields})
        act = steps(answer(body, kind=kind))
        return Fault(name=f"fine: {name}", script=(act,), outcomes=(expected,), requests=1)

    yield good("a task", task(), video_url=TASK["video_url"], enhanced_prompt="a cow")
    yield good("no URL", task(video_url=...), video_url=None)
    yield good("a URL that is null", task(video_url=None), video_url=None)
    yield good("no prompt", task(enhanced_prompt=...), enhanced_prompt=None)
    yield good("an unknown status", task(status="transmogrifying"), status="transmogrifying")
    yield good("an upper-case status", task(status="SUCCESS"), status="SUCCESS")
    yield good("a byte order mark", b"\xef\xbb\xbf" + task())
    yield good("spaces around", b"\r\n " + task() + b" \n")
    yield good("seconds", task(status_update_time=1770350329), status_update_time=1770350329)
    yield good("a negative time", task(status_update_time=-1), status_update_time=-1)
    yield good("text/plain", task(), "text/plain")
    yield good("application/octet-stream", task(), "application/octet-stream")
    yield good("no content type", task(), "")
    yield good("a broken content type", task(), ";;;charset==")
    yield good("an unknown charset", task(), "application/json; charset=x-none")
    yield good("a large answer", with_member('"x": "' + "y" * 5 * MEGABYTE + '"'))
    yield good("many members", with_member(", ".join(f'"k{i}": {i}' for i in range(20_000))))
    for name in ("to_dict", "__class__", "self", "additional_properties", "_client", "class"):
        yield good(f"a member called {name}", with_member(f'"{name}": {{"a": 1}}'))
    yield good("an emoji", task(enhanced_prompt="\N{COW FACE}"), enhanced_prompt="\N{COW FACE}")
    optional = {
        "UTF-16": task().decode().encode("utf-16"),
        "a lone surrogate": with_member('"x": "\\ud800"'),
        "a number of 5,000 digits": with_member('"x": ' + "9" * 5000),
        "an infinite number": with_member('"x": 1e400'),
        "a member twice": with_member('"status": "completed"'),
        "moderate nesting": with_member('"x": ' + "[" * 60 + "]" * 60),
    }
    for name, body in optional.items():
        act = steps(answer(body))
        outcomes = (*OK, *fails("ResponseError"))
        yield Fault(name=f"fine or refused: {name}", script=(act,), outcomes=outcomes, requests=1)
    for status in ("201 Created", "202 Accepted", "203 Other", "206 Partial", "299 Odd"):
        script = (steps(answer(None, status)),)
        outcomes = (*OK, *fails("ResponseError|StatusError", status[:3]))
        yield Fault(name=f"fine or refused: {status}", script=script, outcomes=outcomes)
    for status in ("200 OK", "202 Accepted", "205 Reset Content"):
        script = (steps(answer(b"", status)),)
        outcomes = fails("ResponseError|StatusError")
        yield Fault(name=f"nothing in a {status}", script=script, outcomes=outcomes, requests=1)


def _tls() -> Iterator[Fault]:
    def over_tls(name: str, tls: str, outcomes: Outcomes, *acts: Act, **options: object) -> Fault:
        script = acts or (GOOD,)
        return Fault(name=f"TLS: {name}", tls=tls, script=script, outcomes=outcomes, **options)  # type: ignore[arg-type]

    untrusted = ("certificate", "verify")
    yield over_tls("a good certificate", "server", OK, requests=1)
    yield over_tls("kept alive", "server", IS_SECOND, GOOD, SECOND, calls=2, requests=2)
    yield over_tls("signed by itself", "self-signed", fails("TLSError", *untrusted, attempts=1))
    yield over_tls("expired", "expired", fails("TLSError", "certificate", "expired", attempts=1))
    yield over_tls("another's name", "other-name", fails("TLSError", "certificate", attempts=1))
    unknown = fails("TLSError", *untrusted, attempts=1)
    yield over_tls("an unknown authority", "server", unknown, client={"verify_ssl": True})
    unchecked = {"verify_ssl": False}
    yield over_tls("unchecked on loopback", "self-signed", OK, client=unchecked, requests=1)
    partial = steps(answer()[:-9], Close())
    yield over_tls("closed in the body once", "server", OK, partial, GOOD, requests=2)
    yield over_tls("closed in the body always", "server", fails(BROKEN), partial, requests=2)
    hang = steps(answer()[:-9], Hang())
    soon = {"timeout": 0.1}
    silent = fails("RequestTimeoutError", attempts=2)
    yield over_tls("silence in the body", "server", silent, hang, requests=2, client=soon)
    extra = steps(answer() + answer(task(enhanced_prompt="poison")))
    yield over_tls("an answer left over", "server", IS_SECOND, extra, SECOND, calls=2)
    plain = answer(b"", "400 Bad Request")
    handshakes: Iterable[tuple[str, Act, str, tuple[str, ...]]] = (
        ("an http server", steps(plain, Close()), "TLSError", ("http://",)),
        ("closed in the handshake", (Close(),), "TLSError|ConnectionFailedError", ()),
        ("reset in the handshake", (Reset(),), "TLSError|ConnectionFailedError", ()),
        ("silence in the handshake", (Hang(),), "RequestTimeoutError", ()),
        (
            "garbage in the handshake",
            steps(b"\x16\x03\x01\xff\xff" + b"\xaa" * 64, Close()),
            "TLSError",
            (),
        ),
    )
    for name, act, kind, says in handshakes:
        yield Fault(
            name=f"TLS: {name}",
            client=soon if kind == "RequestTimeoutError" else {},
            accept=(act,),
            scheme="https",
            outcomes=fails(kind, *says),
        )
    yield Fault(
        name="TLS: spoken to in plain text",
        tls="server",
        scheme="http",
        script=(GOOD,),
        # Such a server closes without sending anything, so the error can say no more.
        outcomes=fails(BROKEN, "connection was lost"),
    )


# In these a good answer may have any shape; the others are about JSON, or about two calls.
_OF_ANY_SHAPE = (
    _connection,
    _silence,
    _lengths,
    _chunks,
    _heads,
    _interim,
    _codings,
    _redirects,
    _statuses,
    _status_bodies,
    _retry_after,
    _hidden_errors,
)
_OF_JSON = (_kept_alive, _documents, _fields, _values, _tls)

FAULTS: tuple[Fault, ...] = tuple(
    fault for group in (*_OF_ANY_SHAPE, *_OF_JSON) for fault in group()
)


def faults(shape: Shape) -> list[Fault]:
    """Return the faults of any shape, where a good answer is one of this shape."""
    _shapes.append(shape)
    try:
        return [fault for group in _OF_ANY_SHAPE for fault in group()]
    finally:
        _shapes.pop()
