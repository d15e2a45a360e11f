from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="VideoTask")


@_attrs_define
class VideoTask:
    """
    Attributes:
        id (str):
        status (str):
        status_update_time (int):
        video_url (None | str | Unset):
        enhanced_prompt (None | str | Unset):
    """

    id: str
    status: str
    status_update_time: int
    video_url: None | str | Unset = UNSET
    enhanced_prompt: None | str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        status = self.status

        status_update_time = self.status_update_time

        video_url: None | str | Unset
        if isinstance(self.video_url, Unset):
            video_url = UNSET
        else:
            video_url = self.video_url

        enhanced_prompt: None | str | Unset
        if isinstance(self.enhanced_prompt, Unset):
            enhanced_prompt = UNSET
        else:
            enhanced_prompt = self.enhanced_prompt

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({"id": id, "status": status, "status_update_time": status_update_time})
        if video_url is not UNSET:
            field_dict["video_url"] = video_url
        if enhanced_prompt is not UNSET:
            field_dict["enhanced_prompt"] = enhanced_prompt

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        status = d.pop("status")

        status_update_time = d.pop("status_update_time")

        def _parse_video_url(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        video_url = _parse_video_url(d.pop("video_url", UNSET))

        def _parse_enhanced_prompt(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        enhanced_prompt = _parse_enhanced_prompt(d.pop("enhanced_prompt", UNSET))

        video_task = cls(
            id=id,
            status=status,
            status_update_time=status_update_time,
            video_url=video_url,
            enhanced_prompt=enhanced_prompt,
        )

        video_task.additional_properties = d
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
