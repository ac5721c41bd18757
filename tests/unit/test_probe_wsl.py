"""WSL, against fakes of Windows' and WSL's tools: nothing here ever ran in WSL."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.diagnose import tools
from cc_guard.diagnose.probes import wsl
from cc_guard.incident.record import Finding
from tests.fakes.looking import context, look, only

WSL2 = context("linux", wsl=2)


@pytest.fixture(autouse=True)
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    only(monkeypatch, tmp_path / "bin", "netsh.exe", "wslinfo")
    interop = tmp_path / "WSLInterop"
    interop.touch()
    monkeypatch.setattr(wsl, "_INTEROP", (str(interop),))
    monkeypatch.setattr(wsl, "_SYSTEM32", str(tmp_path / "no-such-folder"))
    monkeypatch.setattr(wsl, "_names", lambda: ["eth0", "lo"])
    return monkeypatch


def network() -> Finding:
    return look(wsl.PROBES, "wsl.network", WSL2)


def ports(mode: str | None = "nat") -> Finding:
    return look(wsl.PROBES, "wsl.ports", WSL2, wsl_network={"mode": mode})


@pytest.mark.parametrize("name", ["wsl.network", "wsl.ports"])
def test_elsewhere(name: str) -> None:
    assert look(wsl.PROBES, name, context("linux")).state == "na"


# How it is connected


@pytest.mark.parametrize("mode", ["nat", "mirrored", "virtioproxy"])
def test_wslinfo_says_it(fakes: pytest.MonkeyPatch, mode: str) -> None:
    fakes.setenv("FAKE_WSLINFO", mode)
    found = network()
    assert (found.state, found.evidence["mode"], found.evidence["said_by"]) == ("pass", mode, "wslinfo")
    assert found.evidence["interop"] is True


@pytest.mark.parametrize(
    ("names", "mode"),
    [(["eth0", "lo"], "nat"), (["eth1", "lo", "loopback0"], "mirrored"), (["lo", "wlan0"], None)],
)
def test_an_old_wslinfo(fakes: pytest.MonkeyPatch, names: list[str], mode: str | None) -> None:
    fakes.setenv("FAKE_WSLINFO", "fail")
    fakes.setattr(wsl, "_names", lambda: names)
    found = network()
    assert (found.state, found.evidence["mode"], found.evidence["said_by"]) == ("pass", mode, "interfaces")


def test_networking_that_could_not_be_set_up(fakes: pytest.MonkeyPatch) -> None:
    """As in microsoft/WSL issue 11090: loopback alone."""
    fakes.setenv("FAKE_WSLINFO", "mirrored")
    fakes.setattr(wsl, "_names", lambda: ["lo", "loopback0"])
    assert network().state == "fail"


def test_no_networking_at_all(fakes: pytest.MonkeyPatch) -> None:
    fakes.setenv("FAKE_WSLINFO", "none")
    assert network().state == "fail"


@pytest.mark.parametrize(("server", "tunnel"), [("10.255.255.254", True), ("172.20.0.1", False)])
def test_dns_tunnel(fakes: pytest.MonkeyPatch, server: str, tunnel: bool) -> None:
    from cc_guard.diagnose import nameservers

    async def configured(_: object) -> list[nameservers.Server]:
        return [nameservers.server(server)]

    fakes.setattr(nameservers, "configured", configured)
    assert network().evidence["dns_tunnel"] is tunnel


# Windows' ports, in the languages and code pages of its console


@pytest.mark.parametrize(
    ("encoding", "language"),
    [
        ("cp437", "en"),
        ("utf-8", "en"),
        ("utf-16", "en"),
        ("utf-16-le", "en"),
        ("cp850", "de"),
        ("utf-16-le", "de"),
        ("cp850", "fr"),
        ("cp850", "es"),
        ("cp866", "ru"),
        ("utf-16-le", "ru"),
        ("cp932", "ja"),
        ("utf-8", "ja"),
        ("utf-16-le", "ja"),
        ("cp936", "zh"),
        ("gb18030", "zh-wide"),
        ("utf-16", "zh-wide"),
    ],
)
def test_any_language(fakes: pytest.MonkeyPatch, encoding: str, language: str) -> None:
    fakes.setenv("FAKE_NETSH", f"49152 16384 {encoding} {language} 5357-5357 49671-49770 50000-50059*")
    found = ports()
    assert found.state == "pass"
    assert (found.evidence["start"], found.evidence["count"]) == (49152, 16384)
    assert found.evidence["excluded"] == [[5357, 5357], [49671, 49770], [50000, 50059]]
    assert (found.evidence["excluded_total"], found.evidence["excluded_in_range"]) == (161, 160)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("49152 16384 cp437 en", "pass"),
        ("1024 64511 cp850 de", "pass"),
        ("49152 255 cp437 en", "warn"),
        ("49152 1638 cp437 en", "warn"),  # a digit that was lost on the way, as in docker/for-win 3171
        ("49152 16384 cp437 en 49152-60000", "warn"),
        ("49152 3000 cp437 en 49152-50300", "warn"),
        ("49152 16384 cp437 en 1024-40000", "pass"),
        ("0 0 cp437 en", "na"),
        ("65000 16384 cp437 en", "na"),
        ("garbage", "na"),
        ("fail", "na"),
    ],
)
def test_judgement(fakes: pytest.MonkeyPatch, said: str, state: str) -> None:
    fakes.setenv("FAKE_NETSH", said)
    assert ports().state == state


def test_windows_does_not_answer(fakes: pytest.MonkeyPatch) -> None:
    fakes.setenv("FAKE_NETSH", "hang")
    fakes.setattr(wsl, "_NETSH_TIMEOUT_S", 0.1)
    started = time.monotonic()
    found = ports()
    assert (found.state, found.evidence["status"]) == ("na", None)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("mode", ["mirrored", "none", "virtioproxy"])
def test_other_modes_have_other_ports(mode: str) -> None:
    found = ports(mode)
    assert (found.state, found.evidence["mode"]) == ("na", mode)


def test_without_interop(fakes: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin" / "netsh.exe").unlink()
    assert ports().state == "na"


@given(st.text() | st.binary().map(tools.decoded))
def test_no_text_is_too_odd(text: str) -> None:
    found = wsl.parse_dynamic(text)
    assert found is None or (0 < found[0] < 65536 and found[0] + found[1] <= 65536)
    assert all(0 < first <= last < 65536 for first, last in wsl.parse_excluded(text))


@given(st.integers(1, 65535), st.integers(1, 65535), st.sampled_from(["utf-16-le", "cp932", "cp850"]))
def test_any_numbers(start: int, count: int, encoding: str) -> None:
    text = tools.decoded(f"動的\r\n-----\r\n開始 : {start}\r\n数  : {count}\r\n".encode(encoding, "replace"))
    assert wsl.parse_dynamic(text) == ((start, count) if start + count <= 65536 else None)
