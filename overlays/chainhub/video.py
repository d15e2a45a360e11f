"""The operations on videos, with waiting and downloading; `client.video` is one of these."""

from chainhub_resources.video import AsyncVideoResource as AsyncVideo
from chainhub_resources.video import VideoResource as Video

__all__ = ["AsyncVideo", "Video"]
