"""The words of an error, wherever a gateway puts them, and pages that come in place of JSON."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainhub._responses import explain_mismatch, is_hidden_error
from chainhub._responses.error_body import ErrorBody, code_of, parse_error_body, read_page
from chainhub._transport import Response

RAY = "8f0c1d2e3a4b5c6d"
PAGE = "the response is an HTML page"
CLOUDFLARE = "Cloudflare responded instead of the API"


def _wrapped(levels: int) -> object:
    document: object = {"error": {"message": "deep", "code": "c"}}
    for _ in range(levels):
        document = {"code": "outer", "message": json.dumps(document), "data": None}
    return document


@pytest.mark.parametrize(
    ("document", "message", "code"),
    [
        ({"error": {"message": "m", "type": "new_api_error", "code": ""}}, "m", None),
        ({"error": {"message": "m", "code": None, "param": "404"}}, "m", None),
        ({"error": {"message": "m", "code": 7}}, "m", "7"),
        ({"error": {"message": "m", "code": True}}, "m", None),
        ({"error": "boom"}, "boom", "boom"),
        ({"error": "it went boom", "code": "x"}, "it went boom", "x"),
        ({"error": "invalid_token", "error_description": "too old"}, "too old", "invalid_token"),
        ({"error": "Bad Request", "message": "id is odd", "status": 400}, "id is odd", None),
        ({"error": ["a", "b"]}, "a", None),
        ({"error": [{"code": "c"}, {"message": "m"}]}, "m", None),
        ({"error": [{"code": "c"}, {"x": 1}]}, None, "c"),
        ({"errors": [{"message": "m"}]}, "m", None),
        ({"error": None}, None, None),
        ({"error": {"error": {"message": "m"}}}, "m", None),
        ({"code": "fail_to_fetch_task", "message": _wrapped(1), "data": None}, "deep", "c"),
        ({"code": "outer", "message": '{"error": {"message": "m"}}'}, "m", "outer"),
        ({"code": "outer", "message": '{"error": '}, '{"error":', "outer"),
        ({"code": "outer", "message": "{}"}, "{}", "outer"),
        ({"code": "outer", "message": "[1]"}, "[1]", "outer"),
        ({"code": 400, "message": "fail", "data": None}, "fail", "400"),
        ({"message": {"text": 1, "msg": "m"}}, "m", None),
        ({"success": False, "msg": "m"}, "m", None),
        (
            {"title": "Error 524", "detail": "no answer", "type": "https://x/"},
            "Error 524: no answer",
            None,
        ),
        ({"title": "\r", "detail": " "}, None, None),
        ({"title": " Down ", "detail": "\n"}, "Down", None),
        ({"detail": "Not Found"}, "Not Found", None),
        (
            {"detail": [{"loc": ["query", "id"], "msg": "field required"}]},
            "query.id: field required",
            None,
        ),
        ({"detail": [{"loc": "id", "msg": "field required"}]}, "field required", None),
        ({"detail": {"error": "m n"}}, "m n", None),
        ({"code": 5, "status": "NOT_FOUND", "message": "m"}, "m", "NOT_FOUND"),
        ({"code": 5, "status": "failed", "message": "m"}, "m", "5"),
        ({"code": 400, "message": "m", "details": [{"reason": "UNSAFE"}, 1]}, "m", "UNSAFE"),
        ({"code": 400, "message": "m", "details": "none"}, "m", "400"),
        ({"fail_reason": "m"}, "m", None),
        ({"errmsg": "m", "errcode": 40001}, "m", "40001"),
        ({"errorMessage": "m", "errorCode": "E1"}, "m", "E1"),
        ({"error_msg": "m", "error_code": 7}, "m", "7"),
        (["a", "b"], "a", None),
        ("boom", "boom", None),
        (" ", None, None),
        ([], None, None),
        (7, None, None),
        (None, None, None),
        (_wrapped(2), "deep", "c"),
    ],
)
def test_the_innermost_words_are_found(
    document: object, message: str | None, code: str | None
) -> None:
    """Objects, strings, lists, problems and JSON inside of strings are unwrapped."""
    said = parse_error_body(document)
    assert (said.message, said.code) == (message, code)


def test_unwrapping_is_bounded() -> None:
    """What is wrapped too often is shown as it stands, not followed for ever."""
    assert parse_error_body(_wrapped(10)).code == "outer"
    assert parse_error_body({"message": "[" + "1," * 40_000 + "1]"}).message is not None


def _nested(wide: int, deep: int) -> object:
    document: object = {}
    for _ in range(deep):
        document = {"error": [document] * wide}
    return document


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("small", "large"),
    [
        (_nested(1, 3), _nested(1, 6)),
        (_nested(2, 5), _nested(10, 5)),
        ([{"message": {"text": "x"}}] * 5, [{"message": [{"message": {}}] * 10}] * 10),
        ({"message": json.dumps(_nested(2, 3))}, {"message": json.dumps(_nested(6, 4))}),
        ({"message": "a" * 50_000}, {"message": "a" * 100_000}),
    ],
)
def test_no_error_costs_more_than_reading_it(small: object, large: object) -> None:
    """The words of a body of any shape are looked for in a bounded number of places."""

    def spent(document: object) -> float:
        began = time.process_time()
        for _ in range(5):
            parse_error_body(document)
        return time.process_time() - began

    growth = len(json.dumps(large)) / len(json.dumps(small))
    assert spent(large) < 10 * growth * spent(small) + 0.5


@pytest.mark.parametrize(
    ("message", "left", "number"),
    [
        ("no (request id: 2026AbC)", "no", "2026AbC"),
        ("no (request_id: 1-2) more", "no more", "1-2"),
        ("no [Request ID 7]", "no", "7"),
        ("(request id: 7)", None, "7"),
        ("a (request id: 7) b (request id: 8)", "a b (request id: 8)", "7"),
        ("no request id", "no request id", None),
    ],
)
def test_the_request_id_is_taken_out_of_the_message(
    message: str, left: str | None, number: str | None
) -> None:
    """It becomes a fact of its own."""
    assert parse_error_body({"error": {"message": message}}) == ErrorBody(left, None, None, number)


@pytest.mark.parametrize("key", ["request_id", "requestId"])
def test_the_request_id_may_be_a_field(key: str) -> None:
    """A field is preferred to the one in the text."""
    assert parse_error_body({"message": "m (request id: 1)", key: "2"}).request_id == "2"
    assert parse_error_body({"message": "m", key: 3}).request_id == "3"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        *(("a", "a"), (0, "0"), (-5, "-5"), (10**18 - 1, "9" * 18)),
        *((value, None) for value in (" ", True, None, [], 10**18)),
    ],
)
def test_codes_are_words(value: object, code: str | None) -> None:
    """Numbers and strings are codes; flags and emptiness are none."""
    assert code_of(value) == code


CERTAIN = [
    {"error": "rate limited"},
    {"error": {"message": "overloaded", "type": "new_api_error", "code": "x"}},
    {"error": ["a"]},
    {"errors": [{"message": "m"}]},
    {"success": False, "message": "m"},
    {"success": False, "message": "m", "data": {}},
    {"code": 400, "message": "m", "data": None},
    {"code": "503", "msg": "m"},
    {"code": "task_not_exist", "message": "task_not_exist", "data": None},
    {"status": 500, "error": "Internal Server Error", "path": "/v1", "timestamp": 1},
]
LIKELY = [
    {"error": "m", "model": "x"},
    {"status": "failed", "error": "bad prompt"},
    {"status": "failed", "error": "bad prompt", "id": None},
    {"success": False, "anything": 1},
    {"code": "PENDING", "message": "wait"},
    {"code": 422, "message": "m", "data": {"field": "x"}},
    {"error": "m", "result": [1]},
]
NEVER: list[object] = [
    {},
    {"error": None},
    {"error": "", "message": "m"},
    {"error": False, "status": 200},
    {"error": 0},
    {"error": {}},
    {"error": "m", "success": True},
    {"success": None, "message": "m"},
    {"id": "a", "status": "failed", "error": {"message": "unsafe"}},
    {"task_id": "a", "status": "failed", "error": "unsafe"},
    {"code": "success", "message": "", "data": None},
    {"code": "success", "message": "", "data": "task_abc"},
    {"code": 0, "message": "ok"},
    {"code": 200, "message": "ok", "data": None},
    {"code": 1, "description": "submit success", "result": "42"},
    {"code": 10001, "message": "m"},
    {"code": 400},
    {"code": None, "message": "m"},
    {"data": [], "message": "m"},
    [{"error": "m"}],
    "error",
    None,
]


@pytest.mark.parametrize(
    ("document", "certain", "likely"),
    [
        *((document, True, True) for document in CERTAIN),
        *((document, False, True) for document in LIKELY),
        *((document, False, False) for document in NEVER),
    ],
)
def test_errors_with_a_good_status_are_known(document: object, certain: bool, likely: bool) -> None:
    """Only envelopes without data are errors for every operation; a task's own error is none."""
    assert is_hidden_error(document, certain=True) is certain
    assert is_hidden_error(document, certain=False) is likely


@pytest.mark.parametrize(
    ("document", "empty"),
    [
        ({"code": "success", "message": "", "data": None}, True),
        ({"code": "success", "data": []}, True),
        ({"code": 200, "data": {}}, True),
        ({"success": True, "data": None}, True),
        ({"data": None}, False),
        ({"code": "success", "data": {"id": 1}}, False),
        ({"code": "success"}, False),
        ({"code": 500, "data": None}, False),
        (None, False),
    ],
)
def test_a_success_without_data_is_known(document: object, empty: bool) -> None:
    """It says success, but there is nothing in it."""
    response = Response(200, [], json.dumps(document).encode())
    error = explain_mismatch(response, "it does not fit")
    assert ("success but contains no data" in error.message) is empty


KEYS = "error message code data detail details loc msg status"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(KEYS.split()),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_no_shape_confuses_the_unwrapping(document: object) -> None:
    """Any value may stand at any place."""
    said = parse_error_body(document)
    assert said.message is None or said.message.strip()
    assert is_hidden_error(document, certain=False) or not is_hidden_error(document, certain=True)
    explain_mismatch(Response(200, [], json.dumps(document).encode()), "it does not fit")


@pytest.mark.parametrize(
    ("text", "server", "sentence"),
    [
        ("<html><title>502 Bad</title><hr>nginx</html>", "cloudflare", f"{PAGE}: 502 Bad"),
        (
            "\n<!DOCTYPE html><html><h1 class='x'>Oops &amp; sorry</h1>",
            None,
            f"{PAGE}: Oops & sorry",
        ),
        ("<html></html>", None, PAGE),
        ("<html><title> </title></html>", None, PAGE),
        ("<!-- x --><p>hi", None, PAGE),
        ("<html><script src='/cdn-cgi/x/cloudflare-static/decode.min.js'>", "cloudflare", PAGE),
        ("<html><title>Hold! | Cloudflare</title>", None, f"{CLOUDFLARE}: Hold! | Cloudflare"),
        (
            "<html>CLOUDFLARE <span>Error</span> <span>1010</span> Error code: <b>1010</b>",
            None,
            f"{CLOUDFLARE}: error 1010, this client is blocked because of its User-Agent",
        ),
        ("<html>cloudflare Error code 1199</html>", None, f"{CLOUDFLARE}: error 1199"),
        ("<html>cloudflare</html>", None, CLOUDFLARE),
        (
            "error code: 1015",
            "cloudflare",
            f"{CLOUDFLARE}: error 1015, too many requests from this address",
        ),
        ("error code: 521\n", "cloudflare", f"{CLOUDFLARE}: error 521"),
        ("error code: 1015", "nginx", None),
        ("error code: 1015", None, None),
        ("error code: 1015 and more", "cloudflare", None),
        ("error code: 999", "cloudflare", None),
        ('{"error": "error code: 1015"}', "cloudflare", None),
        ("<task><id>1</id></task>", None, None),
        ("plain words", None, None),
        ("", None, None),
    ],
)
def test_pages_are_named(text: str, server: str | None, sentence: str | None) -> None:
    """A page is told by its markup, Cloudflare's by its own words."""
    page = read_page(text, server)
    assert (page.sentence() if page else None) == sentence


@pytest.mark.parametrize(
    ("text", "ray"),
    [
        (f"<html>Cloudflare Ray ID: <strong class='x'>{RAY}</strong>", RAY),
        (f"<html>Ray ID: {RAY}", RAY),
        ("<html>Ray ID: none", None),
    ],
)
def test_the_ray_is_read(text: str, ray: str | None) -> None:
    """Cloudflare's id of the request can be quoted to its operator."""
    page = read_page(text)
    assert page is not None
    assert page.ray == ray


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "piece",
    [
        "error ",
        "error code: <",
        "<title",
        "<title>",
        "ray id: <b>",
        " ",
        "<html",
        "cloudflare-static",
    ],
)
def test_no_page_takes_long(piece: str) -> None:
    """Reading is linear, whatever is repeated."""
    text = "<html>" + piece * (60_000 // len(piece))
    begin = time.perf_counter()
    read_page(text, "cloudflare")
    assert time.perf_counter() - begin < 0.5
