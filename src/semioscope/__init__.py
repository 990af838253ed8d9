"""semioscope: from video of epileptic seizures to evidence. Research software, not a medical device."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("semioscope")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
