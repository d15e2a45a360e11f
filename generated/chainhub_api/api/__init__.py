"""Contains methods for accessing the API"""

import typing as _t

if _t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    import httpx

    from ..types import Unset
    from .video import AsyncVideoResource, VideoResource

    _T = _t.TypeVar("_T")

    class Runner(_t.Protocol):
        """Carries operations out; every resource is made with one."""

        def run(
            self,
            operation: ModuleType,
            returns: str,
            arguments: dict[str, object],
            timeout: float | httpx.Timeout | Unset | None,
            deadline: float | Unset | None,
            headers: Mapping[str, str] | None,
            /,
        ) -> object:
            """Carry out one operation.

            Args:
                operation: The operation's generated module.
                returns: The type of its 2xx answers as Python code; the names are those of the package's models,
                    `File`, and the standard library's `datetime` and `UUID`. `Any` stands for an answer without a
                    schema.
                arguments: The operation's arguments by name, without the client.
                timeout: Seconds for one attempt. UNSET leaves it to the client, as it does the deadline.
                deadline: Seconds for the whole call.
                headers: Further headers.

            Returns:
                A value of the type that `returns` names; the resource method vouches for it to type checkers.
            """

    class AsyncRunner(_t.Protocol):
        """Carries operations out; every resource is made with one."""

        async def run(
            self,
            operation: ModuleType,
            returns: str,
            arguments: dict[str, object],
            timeout: float | httpx.Timeout | Unset | None,
            deadline: float | Unset | None,
            headers: Mapping[str, str] | None,
            /,
        ) -> object:
            """Carry out one operation as `Runner.run` does."""


class Resources:
    """Gives a client a property for every tag; the client that inherits it makes the resources and keeps them."""

    __slots__: tuple[str, ...] = ()

    def _resource(self, kind: "Callable[[Runner], _T]", /) -> "_T":
        """Return the resource of this class, the same one every time; every property calls this."""
        raise NotImplementedError(kind)

    @property
    def video(self) -> "VideoResource":
        """The operations of the tag `video`."""
        from .video import VideoResource

        return self._resource(VideoResource)


class AsyncResources:
    """Gives a client a property for every tag; the client that inherits it makes the resources and keeps them."""

    __slots__: tuple[str, ...] = ()

    def _resource(self, kind: "Callable[[AsyncRunner], _T]", /) -> "_T":
        """Return the resource of this class, the same one every time; every property calls this."""
        raise NotImplementedError(kind)

    @property
    def video(self) -> "AsyncVideoResource":
        """The operations of the tag `video`."""
        from .video import AsyncVideoResource

        return self._resource(AsyncVideoResource)
