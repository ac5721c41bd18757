"""Folders of profiles, remedies and machines, all made up."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cc_guard import paths
from cc_guard.diagnose.facts import Facts
from cc_guard.profile import machine, policies
from cc_guard.profile.machine import Machine, Unknown, Wanted
from cc_guard.remedies.remedy import Level, Policy, Remedy, everywhere

LINUX = Machine("linux", "x86_64", commands={}, processes=frozenset({"systemd"}))
MAC = Machine("macos", "arm64", commands={}, processes=frozenset({"launchd"}))


def _flush(facts: Facts) -> Level:
    return 3 if facts.system == "macos" else 2


def _widen(facts: Facts) -> Level:
    return 4 if facts.wsl else 3


def _remedy(id_: str, level: Level | Callable[[Facts], Level], policy: Policy = "auto") -> Remedy:
    return Remedy(id_, id_, id_, (), level if callable(level) else everywhere(level), policy=policy)


REMEDIES = {
    remedy.id: remedy
    for remedy in (
        _remedy("proxy.advise", 0, "suggest"),
        _remedy("client.nudge", 1),
        _remedy("auth.login", 1, "ask"),
        _remedy("tart.suspend", 2),
        _remedy("tart.stop", 2, "ask"),
        _remedy("docker.pause", 2),
        _remedy("orbstack.pause", 2),
        _remedy("dns.flush", _flush),
        _remedy("ports.widen", _widen),
        _remedy("mtu.lower", 3),
        _remedy("wsl.dns", 4, "suggest"),
    )
}


@dataclass
class Home:
    """`config` and `state` are where those of cc-guard are; none of them has to exist."""

    shipped: Path
    config: Path
    state: Path

    @property
    def own(self) -> Path:
        return self.config / "profiles"

    def ship(self, name: str, text: str) -> Path:
        return _write(self.shipped / f"{name}.toml", text)

    def write(self, name: str, text: str) -> Path:
        return _write(self.own / f"{name}.toml", text)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """No file of the user's; the profiles that came with cc-guard are the real ones until one is shipped."""
    config, state = tmp_path / "config" / "cc-guard", tmp_path / "state" / "cc-guard"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config.parent))
    monkeypatch.setenv("XDG_STATE_HOME", str(state.parent))
    for name in ("CC_GUARD_PROFILE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(policies, "remedies", lambda: REMEDIES)
    return Home(Path(paths.shipped("profiles")), config, state)


def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Nothing came with cc-guard but a small `generic`."""
    home = empty(tmp_path, monkeypatch)
    home.shipped = tmp_path / "shipped"
    monkeypatch.setattr(paths, "shipped", lambda kind: str(tmp_path / "shipped"))
    home.ship(
        "generic",
        "[match]\n[hold]\nenabled = true\nafter_attempt = 2\n"
        '[remedies]\nclient.nudge = "auto"\ndns.flush = "suggest"\ntart.suspend = "off"\n'
        "[parameters]\nports = {start = 32768, count = 1000}\ntart.names = []\ndocker.names = []\n"
        "orbstack.names = []\n[warn]\nports_used = 0.8\n",
    )
    return home


def be(monkeypatch: pytest.MonkeyPatch, here: Machine) -> None:
    """From now on this is the machine."""

    def look(wanted: Wanted, deadline_s: float = 2.0) -> Machine:
        return here

    monkeypatch.setattr(machine, "look", look)


NO_ANSWER = Unknown("no answer within 2 s")
