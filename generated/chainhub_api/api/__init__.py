"""Contains methods for accessing the API"""

import typing as _t

if _t.TYPE_CHECKING:
    from types import ModuleType

    from .video import AsyncVideoResource, VideoResource


class Resources:
    """Gives a client a property for every tag; the client that inherits it brings the runner."""

    __slots__: tuple[str, ...] = ()

    def _run(self, operation: "ModuleType", returns: str, arguments: dict[str, object], /) -> object:
        """Carry out one operation; every resource method calls this.

        Args:
            operation: The operation's generated module.
            returns: The type of its 2xx answers as Python code; the names are those of the package's models, `File`,
                and the standard library's `datetime` and `UUID`. `Any` stands for an answer without a schema.
            arguments: The operation's arguments by name, without the client.

        Returns:
            A value of the type that `returns` names; the resource method vouches for it to type checkers.
        """
        raise NotImplementedError(operation, returns, arguments)

    @property
    def video(self) -> "VideoResource":
        from .video import VideoResource

        return VideoResource(self._run)


class AsyncResources:
    """Gives a client a property for every tag; the client that inherits it brings the runner."""

    __slots__: tuple[str, ...] = ()

    async def _run(self, operation: "ModuleType", returns: str, arguments: dict[str, object], /) -> object:
        """Carry out one operation; every resource method calls this.

        Args:
            operation: The operation's generated module.
            returns: The type of its 2xx answers as Python code; the names are those of the package's models, `File`,
                and the standard library's `datetime` and `UUID`. `Any` stands for an answer without a schema.
            arguments: The operation's arguments by name, without the client.

        Returns:
            A value of the type that `returns` names; the resource method vouches for it to type checkers.
        """
        raise NotImplementedError(operation, returns, arguments)

    @property
    def video(self) -> "AsyncVideoResource":
        from .video import AsyncVideoResource

        return AsyncVideoResource(self._run)
