"""Functions that worker processes import."""

import os
import signal
from pathlib import Path

from semioscope.core.errors import StoreError, VideoError
from semioscope.core.files import write_text


def write_square(payload):
    path, number = payload
    write_text(Path(path), str(number**2))
    return number**2


def misbehave(payload):
    """Do what the payload says: a number is squared, a word is a way to fail."""
    if payload == "broken":
        raise VideoError("camera-7 is not a video. Replace it.")
    if payload == "bug":
        raise ZeroDivisionError("no such number")
    if payload == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if payload == "full":
        raise StoreError("The disk is full: features could not be written. Free some space.")
    if payload == "unpicklable":
        return lambda: None
    return payload**2


def threads(_payload):
    return os.environ["OMP_NUM_THREADS"], os.getpid()


def wait_for_ever(payload):
    """Say that work began, then block until the other end of a pipe goes away, which it does not."""
    Path(payload).write_text(str(os.getpid()))
    signal.pause()
