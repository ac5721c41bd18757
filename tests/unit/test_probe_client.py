"""The client's version and install, and the versions with known faults."""

import json
import os
from pathlib import Path

import pytest

from cc_guard.diagnose import client
from cc_guard.diagnose.probes import client as probe
from cc_guard.incident.record import Finding
from tests.fakes.looking import context, look, script


def look_at(program: Path | str, **environ: str) -> Finding:
    return look(probe.PROBES, "client.version", context(environ=environ, client_program=str(program)))


def npm(tmp_path: Path, version: str, name: str = "cli.js") -> Path:
    folder = tmp_path / "lib" / "node_modules" / "@anthropic-ai" / "claude-code"
    program = script(folder / name, f"touch {tmp_path}/ran")
    (folder / "package.json").write_text(
        json.dumps({"name": "@anthropic-ai/claude-code", "version": version})
    )
    link = tmp_path / "bin" / "claude"
    link.parent.mkdir()
    link.symlink_to(program)
    return link


@pytest.mark.parametrize(
    ("place", "install", "version"),
    [
        (".local/share/claude/versions/2.1.330", "native", "2.1.330"),
        ("opt/homebrew/Caskroom/claude-code/2.1.330/claude", "brew", "2.1.330"),
        ("usr/local/Cellar/claude-code/2.1.329/bin/claude", "brew", "2.1.329"),
        ("opt/claude", "unknown", None),
    ],
)
def test_installs(tmp_path: Path, place: str, install: str, version: str | None) -> None:
    found = look_at(script(tmp_path / place, f"touch {tmp_path}/ran"))
    assert (found.evidence["install"], found.evidence["version"]) == (install, version)
    assert found.state == ("pass" if version else "na")
    assert not (tmp_path / "ran").exists(), "the client was run"


def test_nix() -> None:
    """Its folder is only ever this one."""
    assert client.install("/nix/store/0a1b-claude-code-2.1.330/bin/claude") == "nix"


def test_a_node_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "tools" / "node", "echo v22.11.0")
    monkeypatch.setenv("PATH", str(tmp_path / "tools"))
    found = look_at(npm(tmp_path, "2.0.60"))
    assert (found.evidence["install"], found.evidence["node"]) == ("npm", "22.11.0")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("said", ["", "echo garbage", "exec sleep 30"])
def test_a_node_that_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    script(tmp_path / "tools" / "node", said)
    monkeypatch.setenv("PATH", f"{tmp_path / 'tools'}:{os.environ['PATH']}")
    monkeypatch.setattr(probe, "_NODE_TIMEOUT_S", 0.3)
    assert look_at(npm(tmp_path, "2.0.60")).evidence["node"] is None


def test_a_native_build_has_no_node(tmp_path: Path) -> None:
    assert look_at(npm(tmp_path, "2.1.330", "claude.exe")).evidence["node"] is None


def test_found_by_its_name(tmp_path: Path) -> None:
    link = npm(tmp_path, "2.1.330", "claude.exe")
    found = look_at("", PATH=str(link.parent), HOME=str(tmp_path))
    assert found.evidence["version"] == "2.1.330"


# Known faults


@pytest.mark.parametrize(
    ("version", "no_proxy", "state"),
    [
        ("2.1.330", True, "pass"),
        ("2.1.230", True, "pass"),
        ("2.1.213", False, "warn"),
        ("2.1.214", False, "pass"),
        ("1.0.120", False, "warn"),
    ],
)
def test_known_bad(tmp_path: Path, version: str, no_proxy: bool, state: str) -> None:
    found = look_at(npm(tmp_path, version, "claude.exe"), **({"no_proxy": "localhost"} if no_proxy else {}))
    assert found.state == state
    assert all(bad["source"] and bad["why"] for bad in found.evidence["known_bad"])


@pytest.mark.parametrize("version", ["2.1.25", "2.1.37", "2.1.83"])
def test_a_fault_of_no_proxy_shows_with_it_alone(tmp_path: Path, version: str) -> None:
    program = npm(tmp_path, version, "claude.exe")
    with_it = look_at(program, NO_PROXY="localhost").evidence["known_bad"]
    without = look_at(program).evidence["known_bad"]
    assert [bad for bad in with_it if bad not in without and "NO_PROXY" in bad["why"]]


def test_the_data() -> None:
    newest, bad = client.known()
    assert bad
    for one in bad:
        assert one.first <= one.last < newest
        assert one.source
        assert one.why[0].islower(), "it goes on after the version"
        assert not one.why.endswith(".")
