"""Which machine this is, as far as advice depends on it. Quick and read-only; machine profiles replace it."""

import os
from collections.abc import Mapping
from typing import Literal

from cc_guard.diagnose import facts
from cc_guard.probe.route import effective_environment, settings_files

Platform = Literal["macos", "tart", "linux", "wsl2", "container"]

# Where a platform has no advice of its own, it takes that of the next.
FALLBACKS: dict[Platform, tuple[str, ...]] = {
    "macos": ("macos", "any"),
    "tart": ("tart", "macos", "any"),
    "linux": ("linux", "any"),
    "wsl2": ("wsl2", "linux", "any"),
    "container": ("container", "linux", "any"),
}

_DETOURS = ("ANTHROPIC_BASE_URL", "https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY")


def platform() -> Platform:
    known = facts.read()
    if known.system == "macos":
        return "tart" if known.has("tart") else "macos"
    if known.container:
        return "container"
    return "wsl2" if known.wsl else "linux"


def detours(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that lead requests elsewhere than straight to the API, with their values, which may hold a
    password: from the environment and from the client's settings files that count in this folder."""
    found = effective_environment(environ, settings_files(environ, os.getcwd()))
    return {name: found[name] for name in _DETOURS if found.get(name)}
