from .video_task import VideoTask as VideoTask

__all__ = (
    "VideoTask",
)
