"""What a compressed video is refused for."""

import gzip

import pytest

from chainhub._download.media import BodyRange
from chainhub._download.partial import PartWriter, Received
from chainhub._transport import Failure
from chainhub.errors import ContentRefusedError

FILM = b"\x00\x00\x00\x18ftypmp42" + bytes(1000)


class Disk:
    """A partial file in memory."""

    def __init__(self):
        self.data = b""

    @property
    def position(self):
        return len(self.data)

    def start(self, etag, length):
        """Begin."""

    def resume(self, offset):
        """Continue."""

    def write(self, data):
        """Take what came."""
        self.data += data


def intake(disk):
    """Return what takes a compressed body in."""
    return PartWriter(disk, BodyRange(packed=True), float("inf"), [])


def test_a_compressed_video_is_written_as_it_was():
    """Whatever the pieces it comes in."""
    disk, data = Disk(), gzip.compress(FILM)
    taking = intake(disk)
    for place in range(0, len(data), 7):
        taking.feed(data[place : place + 7])
    taking.finish()
    assert disk.data == FILM


def test_a_bomb_is_refused_before_the_disk_is_full():
    """A video hardly shrinks."""
    with pytest.raises(ContentRefusedError, match="decompresses without end"):
        intake(Disk()).feed(gzip.compress(FILM + bytes(40_000_000)))


def test_what_is_not_gzip_is_refused():
    """In the words of whoever has looked."""
    with pytest.raises(ContentRefusedError, match="declared as gzip but is not gzip"):
        intake(Disk()).feed(b"no gzip at all")


@pytest.mark.parametrize("in_time", [True, False])
def test_a_slice_is_progress_if_it_came_in_time(in_time):
    """A server that sends a byte now and then would keep a caller for ever."""
    disk = Disk()
    disk.data = bytes(400)
    taking = PartWriter(disk, BodyRange(400, 1000, '"v1"', announced=100, end=500), 1e9, [])
    taking.feed(bytes(100))
    found = taking.finish(in_time=in_time)
    assert found is Received.SLICE if in_time else isinstance(found, Failure)
