from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import Received as _Received

T = TypeVar("T", bound="VideoTask")


@_attrs_define(getstate_setstate=False)
class VideoTask(_Received):
    """A video task, in the state in which it was when the service answered.

    Attributes:
        id (str): The id of the task. It can contain colons and has no fixed length.
        status (str): One word for the state of the task, in any letter case. completed, succeeded and success mean that
            the video is finished. failed, failure, error, cancelled, canceled, expired and every word that ends in _failed
            mean that there will be no video. Every other word, also an unknown one, means that the task is still running.
        status_update_time (int): When the status last changed, in milliseconds since 1970-01-01 00:00 UTC. Some models
            give seconds instead: a value below 100,000,000,000 is seconds.
        video_url (str | None): The URL of the finished video, null or empty until there is one. It stops working after
            a time that the service decides, between one hour and 14 days.
        enhanced_prompt (str | None): The prompt as the service rewrote it. Many answers leave it out.
    """

    id: str
    """ The id of the task. It can contain colons and has no fixed length. """
    status: str
    """ One word for the state of the task, in any letter case. completed, succeeded and success mean that the video is
    finished. failed, failure, error, cancelled, canceled, expired and every word that ends in _failed mean that
    there will be no video. Every other word, also an unknown one, means that the task is still running. """
    status_update_time: int
    """ When the status last changed, in milliseconds since 1970-01-01 00:00 UTC. Some models give seconds instead: a
    value below 100,000,000,000 is seconds. """
    video_url: str | None = None
    """ The URL of the finished video, null or empty until there is one. It stops working after a time that the service
    decides, between one hour and 14 days. """
    enhanced_prompt: str | None = None
    """ The prompt as the service rewrote it. Many answers leave it out. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        status = self.status

        status_update_time = self.status_update_time

        video_url = self.video_url

        enhanced_prompt = self.enhanced_prompt

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "status": status,
                "status_update_time": status_update_time,
                "video_url": video_url,
                "enhanced_prompt": enhanced_prompt,
            }
        )

        return self._as_it_came(field_dict)

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        status = d.pop("status")

        status_update_time = d.pop("status_update_time")

        video_url = d.pop("video_url", None)

        enhanced_prompt = d.pop("enhanced_prompt", None)

        video_task = cls(
            id=id,
            status=status,
            status_update_time=status_update_time,
            video_url=video_url,
            enhanced_prompt=enhanced_prompt,
        )

        video_task.additional_properties = d
        video_task._left_out = {"video_url", "enhanced_prompt"}.difference(src_dict)
        return video_task

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
