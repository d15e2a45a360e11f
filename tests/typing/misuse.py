"""What a type checker must refuse: each ignore is needed, since an unused one is an error."""

import chainhub
from chainhub import AsyncClient, Client
from chainhub_api.api.video import query


def a_second_positional_argument() -> None:
    Client("sk-test-1", "http://127.0.0.1:1")  # type: ignore[call-arg]  # only the key has no name


def an_argument_that_does_not_exist() -> None:
    Client(api_kye="sk-test-1")  # type: ignore[call-arg]  # misspelt


def a_number_for_an_id(client: Client) -> None:
    client.video.query(1)  # type: ignore[arg-type]  # ids are strings, digits allowed


def a_misspelt_option(client: Client) -> None:
    client.video.query("a", deadlien=5)  # type: ignore[call-arg]  # misspelt


def an_option_without_a_name(client: Client) -> None:
    client.video.query("a", 5)  # type: ignore[call-arg]  # options are given by name


def an_argument_that_the_method_does_not_take(client: Client) -> None:
    chainhub.raw_response(client.video.query, 1)  # type: ignore[call-overload]  # ids are strings


def an_answer_that_may_have_no_url(client: Client) -> str:
    return client.video.wait("a").video_url  # type: ignore[return-value]  # it may be None


def a_forgotten_await(client: AsyncClient) -> None:
    print(client.video.query("a").status)  # type: ignore[attr-defined]  # a coroutine has no status


def an_anonymous_id(client: Client) -> None:
    query.sync(client, "a")  # type: ignore[call-arg]  # generated functions name every argument
