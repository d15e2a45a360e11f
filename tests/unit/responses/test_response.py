"""Answers: the verdict by status, the strict body, and never a foreign exception or a key."""

from __future__ import annotations

import base64
import json
import pickle
import time
import urllib.parse
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainhub import errors
from chainhub._responses import Mismatch, decode_json, explain_mismatch, judge
from chainhub._transport import Response
from chainhub_api.errors import UnexpectedStatus

KEY = "sk-test-Kp7Qw2Xv9Lm4Rt6Yb1Nc"
TASK = {"id": "veo3.1-fast:1-a", "status": "pending", "video_url": None, "status_update_time": 1}
NO_TASK = "task_not_exist"
HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>"


def answer(status: int, body: object = b"", *headers: tuple[str, str]) -> Response:
    """Return an answer as the transport hands it over."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, [(k.encode(), v.encode()) for k, v in headers], raw)


def verdict(given: Response) -> errors.StatusError:
    """Return the error, which has to be there."""
    error = judge(given)
    assert error is not None
    return error


def test_the_status_decides() -> None:
    """A 2xx is good whatever its body is, of all others the number is kept and named."""
    for status in (200, 201, 202, 204, 206, 226, 299):
        assert judge(answer(status, b"\xff<html>")) is None
    for status in (-1, 0, 100, 101, 199, 300, 304, 404, 500, 530, 600, 999):
        error = verdict(answer(status))
        assert error.status == status
        assert str(status) in str(error)


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "no (request id: 1)", "type": "t", "code": "c"}}, "no", "c"),
        ("服务器繁忙".encode("gb18030"), "服务器繁忙", None),
        (b"boom", "boom", None),
        (b'"boom"', "boom", None),
        (b"", "the service gave no message", None),
        (b" \n", "the service gave no message", None),
        (b"{}", "the service gave no message", None),
        (b'{"error":', '{"error":', None),
        (b'{"a": NaN}', '{"a": NaN}', None),
        (bytes(range(256)) * 256, "the body is not text", None),
        (HTML, "the response is an HTML page: 502 Bad Gateway", None),
        (b"internal error! " * 655_360, None, None),
        (b'{"error": "' + b"x" * 2_000_000 + b'"}', None, None),
        ("\ufeff".encode() + b'{"error": {"message": "m"}}', "m", None),
    ],
)
def test_the_words_are_found_in_every_body(
    body: object, message: str | None, code: str | None
) -> None:
    """JSON, text, pages, binary, nothing and too much are read."""
    begin = time.perf_counter()
    error = verdict(answer(500, body, ("Content-Type", "text/plain; charset=gb18030")))
    assert time.perf_counter() - begin < 0.5
    assert message is None or (error.message, error.code) == (message, code)
    assert len(error.message) <= 300
    assert len(error.excerpt or "") <= 300


@pytest.mark.parametrize(
    ("headers", "body", "number"),
    [
        ([("cf-ray", "r"), ("x-request-id", "b"), ("X-Oneapi-Request-Id", "a")], {}, "a"),
        (
            [("cf-ray", "r"), ("X-Request-ID", "b")],
            {"error": {"message": "m (request id: c)"}},
            "b",
        ),
        ([("cf-ray", "r")], {"error": {"message": "m (request id: c)"}}, "c"),
        ([("cf-ray", "r")], {}, "r"),
        ([("x-request-id", "")], {"request_id": "d"}, "d"),
        ([], b"<html>Cloudflare Ray ID: 8f0c1d2e3a4b5c6d", "8f0c1d2e3a4b5c6d"),
        ([], {}, None),
        ([("x-request-id", "a\tb" + "c" * 500)], {}, "a b" + "c" * 96 + "…"),
    ],
)
def test_the_request_id_is_carried(
    headers: list[tuple[str, str]], body: object, number: str | None
) -> None:
    """The gateway's own header first, then the body's, then Cloudflare's."""
    assert verdict(answer(500, body, *headers)).request_id == number


@pytest.mark.parametrize(
    "document",
    [TASK, None, [], [1], "ok", 5, {"error": None, **TASK}, {"code": "success", "data": "x"}],
)
def test_good_bodies_are_decoded(document: object) -> None:
    """Any document that is no error comes through, also one that no operation may declare."""
    assert decode_json(answer(200, document)) == document


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b" \r\n", "the body is empty"),
        (HTML, "the response is an HTML page: 502 Bad Gateway, not the declared response"),
        (b"<html>Cloudflare", "Cloudflare responded instead of the API, not the declared response"),
        (b"hello", "not the declared JSON: Expecting value at character 0"),
        (json.dumps(TASK).encode() * 2, "extra data after the end"),
        (b'{"id": "\xff"}', "neither UTF-8"),
        (b"[" * 100_000 + b"]" * 100_000, "nested deeper than 100"),
        (b'{"a": NaN}', "NaN"),
    ],
)
def test_other_bodies_are_refused(body: bytes, message: str) -> None:
    """The error says what came instead, with all the facts."""
    with pytest.raises(errors.ResponseError) as caught:
        decode_json(answer(200, body, ("X-Request-Id", "7")))
    assert message in caught.value.message
    assert (caught.value.status, caught.value.request_id) == (200, "7")
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("document", "kind", "code"),
    [
        ({"error": {"message": "overloaded", "code": "bad"}}, errors.StatusError, "bad"),
        ({"code": 400, "message": "m", "data": None}, errors.BadRequestError, "400"),
        ({"code": "429", "message": "m", "data": None}, errors.RateLimitError, "429"),
        ({"error": {"message": "m", "type": "rate_limit_exceeded"}}, errors.RateLimitError, None),
        (
            {"code": 503, "message": '{"error": {"message": "m", "code": "x"}}'},
            errors.ServerError,
            "x",
        ),
        ({"code": NO_TASK, "message": NO_TASK, "data": None}, errors.TaskNotFoundError, NO_TASK),
        ({"success": False, "message": "quota is not enough"}, errors.QuotaExceededError, None),
        ({"success": False}, errors.StatusError, None),
        *(
            ({"error": {"message": "m", "code": code}}, kind, code)
            for code, kind in (
                ("api_key_invalid", errors.AuthenticationError),
                ("invalid_api_key", errors.AuthenticationError),
                ("invalid_token", errors.AuthenticationError),
                ("unauthorized", errors.AuthenticationError),
                ("rate_limit", errors.RateLimitError),
                ("Rate_Limited", errors.RateLimitError),
                ("399", errors.StatusError),
                ("400", errors.BadRequestError),
                ("599", errors.ServerError),
                ("600", errors.StatusError),
                ("0400", errors.StatusError),
            )
        ),
    ],
)
def test_an_error_inside_a_200_is_raised(
    document: object, kind: type[errors.StatusError], code: str | None
) -> None:
    """It becomes the error that its code stands for; the status stays 200."""
    with pytest.raises(errors.StatusError) as caught:
        decode_json(answer(200, document))
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code) == (200, code)


@pytest.mark.parametrize("body", ["é" * 40 + "\ufffd" * 60, "\ufffd" * 9 + "é" * 91])
def test_a_text_with_few_unreadable_characters_is_a_text(body: str) -> None:
    """Up to a tenth of unreadable characters is a text that suffered on its way."""
    message = verdict(answer(500, body.encode())).message
    assert (message == "the body is not text") is (body.count("\ufffd") > 10)


def _mismatch() -> Mismatch:
    mismatch = Mismatch(str, 1)
    mismatch.path += [1, "a"]
    return mismatch


@pytest.mark.parametrize(
    ("body", "problem", "kind", "message", "field"),
    [
        ({"error": "busy", "model": "x"}, KeyError("id"), errors.StatusError, "busy", None),
        ([{"error": "busy"}], TypeError("x"), errors.ResponseError, "TypeError: x", None),
        (
            {"code": "success", "data": None},
            KeyError("id"),
            errors.ResponseError,
            "the response says success but contains no data",
            None,
        ),
        (
            {"id": "a", "error": "left"},
            KeyError("status"),
            errors.ResponseError,
            "the response does not match the contract (KeyError: 'status')",
            None,
        ),
        (TASK, "it is odd", errors.ResponseError, "it is odd", None),
        (TASK, ValueError("a\nb"), errors.ResponseError, "(ValueError: a b)", None),
        (TASK, _mismatch(), errors.ResponseError, "the field a[1] should be a string", "a[1]"),
        (b"", "it is odd", errors.ResponseError, "the body is empty", None),
        (b"\x00\xff", "it is odd", errors.ResponseError, "it is odd", None),
        (HTML, "it is odd", errors.ResponseError, "the response is an HTML page: 502", None),
    ],
)
def test_a_mismatch_is_explained(
    body: object,
    problem: Exception | str,
    kind: type[errors.ChainhubError],
    message: str,
    field: str | None,
) -> None:
    """An error hidden in the body is preferred, unless the body is a task."""
    error = explain_mismatch(answer(200, body, ("X-Request-Id", "7")), problem)
    assert type(error) is kind
    assert message in error.message
    assert (error.status, error.request_id) == (200, "7")
    assert getattr(error, "field", None) == field


def test_an_undeclared_2xx_is_named() -> None:
    """The generated exception's own text, which holds the body, is not used."""
    error = explain_mismatch(answer(206, b"{}"), UnexpectedStatus(206, b"{}"))
    assert error.message == "the contract declares no response for the status 206"


def _everything(error: errors.ChainhubError) -> str:
    state = {k: str(v) for k, v in vars(error).items()}
    return f"{error}{error!r}{error.args}{state}{pickle.dumps(error)!r}"


def outcomes(given: Response, problem: str) -> Iterator[errors.ChainhubError]:
    """Yield every error that can be made of an answer."""
    yield explain_mismatch(given, problem, secrets=(KEY,))
    if judged := judge(given, secrets=(KEY,)):
        yield judged
    try:
        decode_json(given, secrets=(KEY,))
    except errors.ChainhubError as error:
        refused = error
    else:
        return
    yield refused


@pytest.mark.parametrize("status", [200, 302, 401, 500])
@pytest.mark.parametrize(
    "spelt",
    [
        KEY,
        urllib.parse.quote(KEY, safe="").replace("-", "%2d"),
        base64.b64encode(f"user:{KEY}".encode()).decode(),
        "".join(f"\\u{ord(c):04x}" for c in KEY),
    ],
)
@pytest.mark.parametrize(
    "shape",
    [
        '{{"error": {{"message": "wrong: {0}", "code": "{0}"}}}}',
        '{{"error": {{"message": "m (request id: {0})"}}}}',
        '{{"code": "x", "message": "{{\\"error\\": \\"{0}\\"}}", "data": null}}',
        "<html><title>{0}</title>",
        "plain {0}",
        '{{"{0}": 1, "{0}": 2}}',
    ],
)
def test_a_key_that_comes_back_is_nowhere(status: int, spelt: str, shape: str) -> None:
    """Body and headers may echo the key: no part of the error has it."""
    echo = shape.format(spelt)
    given = Response(
        status,
        [(b"X-Request-Id", spelt.encode()), (b"Location", f"https://h/{spelt}".encode())],
        echo.encode(),
    )
    for error in outcomes(given, f"odd {spelt}"):
        text = _everything(error)
        assert KEY not in text
        assert spelt not in text
        assert KEY[10:20] not in text


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Break a good answer somewhere: cut, put in, repeat, replace."""
    body = json.dumps(TASK).encode()
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(body)))
        end = draw(st.integers(start, len(body)))
        piece = draw(
            st.binary(max_size=6)
            | st.sampled_from(
                [*b'null NaN 1e999 [[ " \\ud800 \xef\xbb\xbf {}'.split(), KEY.encode()]
            )
        )
        body = body[:start] + piece + body[end:]
    return body


@given(
    mutated(),
    st.integers(-5, 1200),
    st.sampled_from(["", "utf-16", "gbk", "x"]),
    st.text(max_size=9),
)
def test_mutated_answers_give_only_our_errors(
    body: bytes, status: int, charset: str, header: str
) -> None:
    """Whatever came, the outcome is a document or one of our errors, and no key in it."""
    given = Response(
        status,
        [
            (b"content-type", f"application/json; charset={charset}".encode()),
            (b"x-request-id", header.encode("utf-8", "replace")),
            (b"location", header.encode("utf-8", "replace")),
        ],
        body,
    )
    for error in outcomes(given, "odd"):
        assert KEY not in _everything(error)
        assert len(str(error)) <= errors.LONGEST_LINE
        assert "\n" not in str(error)
