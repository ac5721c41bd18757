"""The folder of a demo: homes, settings, programs, and the environment of everything that runs in it."""

import json
import os
import shlex
import site
import sys
from collections.abc import Callable, Mapping

from cc_guard import paths
from cc_guard.demo import ours, plan, tart
from cc_guard.demo.scenarios import VERSION, Scenario

PROFILE = "demo"
_WHY = "of the demo"
# What of the user's own must not lead the demo to other places, nor be seen by it.
_DROPPED = ("ANTHROPIC_", "CLAUDE_", "CC_GUARD_", "OTEL_", "AWS_", "NODE_", "XDG_CONFIG_", "XDG_STATE_")
_DROPPED_NAMES = ("CLAUDECODE", "http_proxy", "https_proxy", "all_proxy", "no_proxy")
_KEPT = "CC_GUARD_PANEL"  # where the panel opens, and when
_PACKAGE = {"name": "@anthropic-ai/claude-code-stand-in", "version": VERSION}
# Nothing that the demo does not show may be done to the machine it runs on.
_REMEDIES_OFF = (
    *("tart.suspend", "tart.stop", "docker.pause", "orbstack.pause", "colima.pause", "dns.flush", "wsl.dns"),
    *(
        "ipv6.prefer_v4",
        "ports.widen",
        "mtu.lower",
        "clock.sync",
        "ca.trust",
        "memory.relieve",
        "portal.open",
    ),
    *("client.update", "client.reinstall", "client.env", "auth.login", "baseurl.advise", "server.wait"),
)


def environment(folder: str, home: Mapping[str, str]) -> dict[str, str]:
    """Of the session: the user's, without what is about other APIs, proxies and settings."""
    kept = {name: value for name, value in home.items() if _is_kept(name)}
    return kept | {
        ours.VARIABLE: folder,
        "HOME": os.path.join(folder, "home"),
        "CLAUDE_CONFIG_DIR": os.path.join(folder, "home", ".claude"),
        "XDG_CONFIG_HOME": os.path.join(folder, "config"),
        "XDG_STATE_HOME": os.path.join(folder, "state"),
        "PATH": f"{os.path.join(folder, 'bin')}:{home.get('PATH', os.defpath)}",
        # Packages that the user has installed for themselves are found by the home otherwise.
        "PYTHONUSERBASE": site.getuserbase(),
    }


def _is_kept(name: str) -> bool:
    if name.startswith(_KEPT):
        return True
    return not name.startswith(_DROPPED) and name not in _DROPPED_NAMES and name.lower() not in _DROPPED_NAMES


def build(folder: str, scenario: Scenario, mocked: bool) -> None:
    """Raises OSError."""
    for name in ("bin", "home/.claude", "config/cc-guard/profiles", "state/cc-guard", "project"):
        os.makedirs(os.path.join(folder, name), mode=0o700)
    module = f"exec {shlex.quote(sys.executable)} -P -m cc_guard.demo.stand_in"
    # In two steps: what mentions cc-guard is no client (cc_guard.launch.find).
    stand_in = os.path.join(folder, "stand-in")
    _text(stand_in, f'{module} "$@"\n')
    _program(os.path.join(folder, "bin", "claude"), f'#!/bin/sh\nexec sh {shlex.quote(stand_in)} "$@"\n')
    _text(os.path.join(folder, "bin", "package.json"), json.dumps(_PACKAGE))
    _text(os.path.join(folder, "home", ".claude", ".claude.json"), "{}")
    _text(os.path.join(folder, "config", "cc-guard", "config.toml"), f'profile = "{PROFILE}"\n')
    _text(
        os.path.join(folder, "config", "cc-guard", "profiles", f"{PROFILE}.toml"), _profile(scenario, mocked)
    )
    # The line that tells new users of their profile is not about this one.
    _text(os.path.join(folder, "state", "cc-guard", "profile"), f"{PROFILE}\n{_WHY}\n{PROFILE}\n")
    plan.write_login(folder, "first")
    if scenario.name == "tart":
        tart.install(folder)


def share_sockets(folder: str, environ: dict[str, str]) -> list[str]:
    """Have the session's sockets where those of the user's other sessions are, so that `cc-guard panel` and
    `cc-guard answer` find it from any window. Returns the folders that were made for that, the innermost
    first. Raises OSError."""
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(base) and os.access(base, os.W_OK):
        return _made(os.path.join(base, "cc-guard"), paths.runtime_dir)
    state = os.environ.get("XDG_STATE_HOME", "")
    state = state if os.path.isabs(state) else os.path.expanduser("~/.local/state")
    run = os.path.join(state, "cc-guard", "run")
    made = _made(run, paths.runtime_dir)
    os.mkdir(os.path.join(folder, "run"), 0o700)
    os.symlink(run, os.path.join(folder, "run", "cc-guard"))
    environ["XDG_RUNTIME_DIR"] = os.path.join(folder, "run")
    return made


def _made(path: str, make: Callable[[], object]) -> list[str]:
    missing = []
    while not os.path.isdir(path) and path != os.path.dirname(path):
        missing.append(path)
        path = os.path.dirname(path)
    make()
    return missing


def _profile(scenario: Scenario, mocked: bool) -> str:
    policies = dict.fromkeys(_REMEDIES_OFF, "off") | scenario.policies
    if mocked and scenario.mock:
        policies |= scenario.mock.policies or dict.fromkeys(scenario.policies, "off")
    rows = "".join(f'{name} = "{policy}"\n' for name, policy in policies.items())
    names = f'[parameters.tart]\nnames = ["{tart.MACHINE}"]\n' if scenario.name == "tart" else ""
    return f'title = "the demo"\nextends = "generic"\n\n[remedies]\n{rows}\n{names}'


def _text(path: str, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _program(path: str, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700), "w") as file:
        file.write(text)
