"""An exclusive lock on an open file, which ends with the process that holds it."""

from __future__ import annotations

import sys

if sys.platform == "win32":  # pragma: no cover - tested on Linux only, as the docs say

    def lock_file(descriptor: int) -> bool:
        """Take the lock without waiting; return whether it was free."""
        import msvcrt
        import os

        # A place behind any content: on this system a locked place cannot be read.
        os.lseek(descriptor, 2**40, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def unlock_file(descriptor: int) -> None:
        """Let the lock go; closing does it on this system."""

else:

    def lock_file(descriptor: int) -> bool:
        """Take the lock without waiting; return whether it was free.

        Raises:
            OSError: The file system knows no locks.
        """
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock_file(descriptor: int) -> None:
        """Let the lock go; a forked child that has the file open too keeps it otherwise.

        Raises:
            OSError: The file system knows no locks.
        """
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_UN)
