"""Which machine this is, as far as advice depends on it. Quick and read-only; machine profiles replace it."""

import os
import sys
from collections.abc import Mapping
from typing import Literal

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
    if sys.platform == "darwin":
        return "tart" if _on_path("tart") else "macos"
    if os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"):
        return "container"
    return "wsl2" if "microsoft" in _kernel() else "linux"


def detours(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that lead requests elsewhere than straight to the API, with their values, which may hold a
    password: from the environment and from the client's settings files that count in this folder."""
    found = effective_environment(environ, settings_files(environ, os.getcwd()))
    return {name: found[name] for name in _DETOURS if found.get(name)}


def _kernel() -> str:
    try:
        with open("/proc/version", encoding="utf-8", errors="replace") as file:
            return file.read().lower()
    except OSError:
        return ""


def _on_path(program: str) -> bool:
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return any(os.access(os.path.join(folder, program), os.X_OK) for folder in folders if folder)
