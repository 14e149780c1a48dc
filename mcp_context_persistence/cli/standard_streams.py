"""Standard input, output and error, where they are closed or cannot be written."""

import os
import sys

NAMES = ("stdin", "stdout", "stderr")  # by the numbers of their files


def open_missing_streams() -> None:
    """Put the null device in the place of streams that are closed.

    Otherwise the next file that is opened gets the number of the stream, also in child processes.
    """
    for number, name in enumerate(NAMES):
        if getattr(sys, name) is None:
            _open_null_device(number)
            mode = "w" if number else "r"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def discard_output() -> None:
    """Discard unwritten output, so that Python does not try to write it again when it ends."""
    _open_null_device(sys.stdout.fileno())


def _open_null_device(number: int) -> None:
    file = os.open(os.devnull, os.O_RDWR)
    if file == number:
        os.set_inheritable(file, True)
        return
    os.dup2(file, number)
    os.close(file)
