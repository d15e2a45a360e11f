from .video_task import VideoTask

__all__ = (
    "VideoTask",
)
