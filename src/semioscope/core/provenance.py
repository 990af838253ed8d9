"""What a result was made with: versions and machine, without names of people, hosts or folders."""

import importlib.metadata
import os
import platform
import sys

_PACKAGES = (
    "av", "numpy", "scipy", "scikit-learn", "torch", "torchvision", "openvino", "safetensors", "pydantic",
    "matplotlib",
)  # fmt: skip


def package_versions() -> dict[str, str]:
    """Return the installed versions of what the numbers depend on; absent packages are ``not installed``."""
    versions = {"semioscope": _version("semioscope"), "python": platform.python_version()}
    return versions | {name: _version(name) for name in _PACKAGES}


def machine() -> dict[str, str | int]:
    """Return what kind of machine this is: system, processor, cores, memory in GiB."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1),
        "memory_gib": round(_memory_bytes() / 2**30),
    }


def provenance() -> dict[str, object]:
    """Return versions and machine as plain data."""
    return {"versions": package_versions(), "machine": machine()}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    if sys.platform == "linux":
        try:
            with open("/proc/cpuinfo", encoding="utf-8") as stream:
                for line in stream:
                    if line.startswith("model name"):
                        return line.split(":", 1)[1].strip()
        except OSError:
            pass
    return platform.processor() or platform.machine()


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
