"""The names of files."""

import os
import re
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainhub._download import target_path
from chainhub._download.disk import keeps_existing
from chainhub.errors import ConfigurationError, DiskError

DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)\..*")


@pytest.mark.parametrize(
    ("task_id", "name"),
    [
        ("veo3.1-fast:1760545785-euexscdeL8", "veo3.1-fast@1760545785-euexscdeL8.mp4"),
        ("video_0a1b", "video_0a1b.mp4"),
        ("12345", "12345.mp4"),
        ("grok:6ba7b810-9dad", "grok@6ba7b810-9dad.mp4"),
    ],
)
def test_usual_ids_stay_readable(task_id, name):
    """The colon alone is exchanged: some systems do not allow it."""
    assert target_path(task_id, None, "/d") == Path("/d", name)


STRANGE = "../PWNED /etc/passwd .hidden -rf a/b a\\b a\0b a\nb CON nul.x com1 ä \ud800 a:b:c a@b .."


@pytest.mark.parametrize("task_id", [*STRANGE.split(" "), "a b", "x" * 5000, "=" * 10, "%2e%2f"])
def test_no_id_leads_out_of_the_folder(task_id):
    """Nor to a device, an option or a hidden file."""
    name = target_path(task_id, None, "/d").name
    assert re.fullmatch(r"[A-Za-z0-9_@][A-Za-z0-9._@-]*\.mp4", name)
    assert not DEVICES.fullmatch(name)
    assert len(name) < 150
    assert target_path(task_id, None, "/d", number=1).parent == Path("/d")


@given(st.sets(st.text(string.ascii_lowercase[:3] + ":@_-./", min_size=1), min_size=2, max_size=30))
@settings(max_examples=200, deadline=None)
def test_different_ids_get_different_names(ids):
    """Otherwise `keep` would give the wrong video."""
    assert len({target_path(task_id, None, "/d") for task_id in ids}) == len(ids)


def test_a_destination_is_absolute(monkeypatch, tmp_path):
    """Whether given as text or path."""
    monkeypatch.chdir(tmp_path)
    assert target_path("a", "v.mp4", None) == tmp_path / "v.mp4"
    assert target_path("a", Path("x/../v.mp4"), None) == tmp_path / "v.mp4"
    assert target_path("a", None, Path("sub")) == tmp_path / "sub" / "a.mp4"
    assert target_path("a", None, "sub/") == tmp_path / "sub" / "a.mp4"


@pytest.mark.parametrize(
    ("dest", "into"), [(None, None), ("a", "b"), ("", None), (None, ""), ("a/", None), ("\0", None)]
)
def test_a_destination_must_be_one(dest, into):
    """One of both, not empty, and a file if it is to be one."""
    with pytest.raises(ConfigurationError):
        target_path("a", dest, into)


def test_a_place_that_cannot_be_looked_at(tmp_path, monkeypatch):
    """The operating system's reason is told."""

    def stat(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(DiskError, match=r"cannot access .*: Permission denied"):
        keeps_existing(tmp_path / "v", "error")
