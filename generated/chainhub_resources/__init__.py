"""The operations of the client by their tags; a resource is loaded when it is first asked for"""

import typing as _t

if _t.TYPE_CHECKING:
    from collections.abc import Callable

    from chainhub._session import AsyncSessionTransport, SessionTransport

    from .video import AsyncVideoResource, VideoResource

    _T = _t.TypeVar("_T")


class Resources:
    """Gives a client a property for every tag; the client that inherits it makes the resources and keeps them."""

    __slots__: tuple[str, ...] = ()

    def _resource(self, kind: "Callable[[SessionTransport], _T]", /) -> "_T":
        """Return the resource of this class, the same one every time; every property calls this."""
        # Which transport there is, only the client knows that inherits this.
        raise NotImplementedError(kind)

    @property
    def video(self) -> "VideoResource":
        """The operations of the tag `video`."""
        from .video import VideoResource

        return self._resource(VideoResource)


class AsyncResources:
    """Gives a client a property for every tag; the client that inherits it makes the resources and keeps them."""

    __slots__: tuple[str, ...] = ()

    def _resource(self, kind: "Callable[[AsyncSessionTransport], _T]", /) -> "_T":
        """Return the resource of this class, the same one every time; every property calls this."""
        # Which transport there is, only the client knows that inherits this.
        raise NotImplementedError(kind)

    @property
    def video(self) -> "AsyncVideoResource":
        """The operations of the tag `video`."""
        from .video import AsyncVideoResource

        return self._resource(AsyncVideoResource)
