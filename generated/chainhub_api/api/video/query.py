from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ... import errors
from ...models.video_task import VideoTask
from ...types import UNSET, Response

if TYPE_CHECKING:
    import httpx

    from ...client import AuthenticatedClient, Client


def _get_kwargs(*, id: str) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["id"] = id

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {"method": "get", "url": "/v1/video/query", "params": params}

    return _kwargs


def _parse_response(*, client: "AuthenticatedClient | Client", response: "httpx.Response") -> VideoTask | None:
    if response.status_code == 200:
        response_200 = VideoTask.from_dict(response.json())

        return response_200

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: "AuthenticatedClient | Client", response: "httpx.Response") -> Response[VideoTask]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(*, client: "AuthenticatedClient", id: str) -> Response[VideoTask]:
    """Return the state of a video task

     Answers at once with the state the task is in now. The id comes from the call that created the task.
    The address of the video is there once the task has completed.

    Args:
        id (str): The id of the task, as the call that created it returned it. Example:
            veo3.1-fast:1760545785-euexscdeL8.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[VideoTask]
    """

    kwargs = _get_kwargs(id=id)

    response = client.get_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


def sync(*, client: "AuthenticatedClient", id: str) -> VideoTask | None:
    """Return the state of a video task

     Answers at once with the state the task is in now. The id comes from the call that created the task.
    The address of the video is there once the task has completed.

    Args:
        id (str): The id of the task, as the call that created it returned it. Example:
            veo3.1-fast:1760545785-euexscdeL8.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        VideoTask
    """

    return sync_detailed(client=client, id=id).parsed


async def asyncio_detailed(*, client: "AuthenticatedClient", id: str) -> Response[VideoTask]:
    """Return the state of a video task

     Answers at once with the state the task is in now. The id comes from the call that created the task.
    The address of the video is there once the task has completed.

    Args:
        id (str): The id of the task, as the call that created it returned it. Example:
            veo3.1-fast:1760545785-euexscdeL8.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[VideoTask]
    """

    kwargs = _get_kwargs(id=id)

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(*, client: "AuthenticatedClient", id: str) -> VideoTask | None:
    """Return the state of a video task

     Answers at once with the state the task is in now. The id comes from the call that created the task.
    The address of the video is there once the task has completed.

    Args:
        id (str): The id of the task, as the call that created it returned it. Example:
            veo3.1-fast:1760545785-euexscdeL8.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        VideoTask
    """

    return (await asyncio_detailed(client=client, id=id)).parsed
