"""What is changed of the system itself: names, ports, packets, IPv6, the clock; on macOS, Linux and WSL."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from cc_guard.diagnose import processes
from cc_guard.diagnose.processes import Process
from cc_guard.remedies import journal, proof, undo
from cc_guard.remedies.fixes import ipv6
from cc_guard.remedies.hands import Hands
from cc_guard.remedies.world import World
from tests.support.remedying import Machine, commands, done, planned, seen, world


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """All fakes of macOS and Windows; the network says that it helped."""

    async def helped(*_: Any) -> bool:
        return True

    monkeypatch.setattr(proof, "helped", helped)
    fakes = ("sudo", "dscacheutil", "killall", "networksetup", "sntp", "sysctl", "ifconfig", "route")
    found = Machine(monkeypatch, tmp_path, *fakes, "chronyc", "timedatectl", "wsl.exe")
    monkeypatch.setenv("FAKE_GATEWAY", "192.168.1.1")
    return found


def running(machine: Machine, *names: str) -> None:
    async def table(_: object) -> list[Process]:
        return [Process(number, 1, name, (name,), 1) for number, name in enumerate(names, 2)]

    machine.env.setattr(processes, "table", table)


def by_sudo(machine: Machine) -> list[str]:
    """What was run by it, without the folder of the fakes."""
    return [" ".join(row[3:]).removeprefix(f"{machine.programs}/") for row in machine.calls("sudo")]


def taken_back(where: World) -> list[str]:
    rows = asyncio.run(undo.all_of(journal.entries(), Hands(where.facts)))
    return [row.text for row in rows]


# dns.flush


def test_flush_on_macos(machine: Machine) -> None:
    answer = done("dns.flush", world("macos", cause="dns.stale"))
    assert (answer.status, answer.undo) == ("ok", None)
    assert by_sudo(machine) == ["dscacheutil -flushcache", "killall -HUP mDNSResponder"]


def test_flush_on_macos_with_a_password(machine: Machine) -> None:
    machine.env.setenv("FAKE_SUDO", "password")
    answer = done("dns.flush", world("macos")).to_json()
    assert (answer["status"], answer["detail"]) == ("refused", "sudo: a password is required")
    assert f"To do it yourself: sudo {machine.programs}/dscacheutil -flushcache" in answer["text"]
    assert machine.calls("dscacheutil", "killall") == []


def test_flush_on_macos_needs_a_yes(machine: Machine) -> None:
    assert done("dns.flush", world("macos"), consent=False).status == "refused"
    assert machine.calls() == []


@pytest.mark.parametrize("does", ["fail", "hang", "slow 0.3"])
def test_one_of_the_two_does_not_work(machine: Machine, does: str) -> None:
    machine.env.setattr("cc_guard.remedies.fixes.dns._DEADLINE_S", 2.0)
    machine.does(dscacheutil=does)
    assert done("dns.flush", world("macos")).status == "ok"
    assert machine.calls("killall") == [["killall", "-HUP", "mDNSResponder"]]


def put(machine: Machine, *names: str) -> None:
    from tests.fakes import HERE

    for name in names:
        (machine.programs / name).symlink_to(HERE / name)


def test_flush_on_linux(machine: Machine) -> None:
    put(machine, "resolvectl")
    running(machine)
    answer = done("dns.flush", world(), consent=False)
    assert answer.status == "ok"
    assert machine.calls() == [["resolvectl", "flush-caches"]]


def test_flush_on_linux_without_a_cache(machine: Machine) -> None:
    running(machine)
    answer = planned("dns.flush", world())
    assert (answer.status, answer.detail) == ("unfit", "nothing on this machine is known to remember names")


def test_flush_without_systemd_resolved(machine: Machine) -> None:
    put(machine, "resolvectl")
    running(machine)
    machine.env.setenv("FAKE_RESOLVED", "gone")
    answer = done("dns.flush", world())
    assert (answer.status, "resolve1.service not found" in answer.detail) == ("failed", True)


@pytest.mark.parametrize("said", ["cp437 en", "cp850 de", "cp932 ja", "cp866 ru"])
def test_flush_in_wsl(machine: Machine, said: str) -> None:
    put(machine, "ipconfig.exe")
    running(machine)
    machine.env.setenv("FAKE_IPCONFIG", said)
    answer = done("dns.flush", world(wsl=2))
    assert (answer.status, answer.commands[0]["status"]) == ("ok", 0)
    assert machine.calls() == [["ipconfig.exe", "/flushdns"]]


def test_a_hanging_windows(machine: Machine) -> None:
    put(machine, "ipconfig.exe")
    running(machine)
    machine.env.setattr("cc_guard.remedies.fixes.dns._WINDOWS_S", 0.5)
    machine.does(**{"ipconfig.exe": "hang"})
    answer = done("dns.flush", world(wsl=2))
    assert (answer.status, answer.detail) == ("failed", "ipconfig.exe did not end within 0.5 s")


# wsl.dns


@pytest.mark.parametrize(
    ("mode", "tunnel", "line"),
    [
        ("nat", False, "dnsTunneling=true"),
        ("nat", True, "dnsTunneling=false"),
        ("mirrored", True, "networkingMode=virtioproxy"),
        ("none", False, "networkingMode=nat"),
    ],
)
def test_names_in_wsl(machine: Machine, mode: str, tunnel: bool, line: str) -> None:
    where = world(
        wsl=2,
        parameters={"dns": {"servers": ["1.1.1.1"]}},
        wsl_network=seen("wsl.network", mode=mode, dns_tunnel=tunnel),
    )
    answer = done("wsl.dns", where).to_json()
    assert answer["status"] == "suggested"
    assert line in answer["text"]
    assert [step["command"] for step in answer["plan"]["steps"]][-1] == "wsl --shutdown"
    assert "nslookup api.anthropic.com 1.1.1.1" in answer["text"]
    assert machine.calls() == []


def test_names_elsewhere(machine: Machine) -> None:
    assert planned("wsl.dns", world()).status == "unfit"
    assert planned("wsl.dns", world(wsl=1)).status == "unfit"


# ports.widen


def test_ports_on_macos(machine: Machine) -> None:
    path = machine.file("sysctls", "FAKE_SYSCTLS", {"net.inet.ip.portrange.first": "49152"})
    where = world("macos", cause="ports.exhausted")
    answer = done("ports.widen", where)
    assert answer.status == "ok"
    assert by_sudo(machine) == ["sysctl -w net.inet.ip.portrange.first=32768"]
    assert taken_back(where) == ["the range of local ports: 49152 again"]
    assert json.loads(path.read_text()) == {"net.inet.ip.portrange.first": "49152"}


def test_ports_as_the_profile_says(machine: Machine) -> None:
    machine.file("sysctls", "FAKE_SYSCTLS", {"net.inet.ip.portrange.first": "49152"})
    done("ports.widen", world("macos", parameters={"ports": {"start": 16384, "count": 49152}}))
    assert by_sudo(machine) == ["sysctl -w net.inet.ip.portrange.first=16384"]


@pytest.mark.parametrize(("first", "then"), [("32768", "16384"), ("16384", "")])
def test_ports_that_are_many_already(machine: Machine, first: str, then: str) -> None:
    machine.file("sysctls", "FAKE_SYSCTLS", {"net.inet.ip.portrange.first": first})
    answer = planned("ports.widen", world("macos"))
    assert (answer.status == "dry") is bool(then)
    assert not then or f"first={then}" in commands(answer)[0]


@pytest.mark.parametrize("parameters", [{"start": 80, "count": 10}, {"start": 60000, "count": 9999}])
def test_ports_that_are_none(machine: Machine, parameters: dict[str, int]) -> None:
    answer = planned("ports.widen", world("macos", parameters={"ports": parameters}))
    assert (answer.status, "no range of ports" in answer.detail) == ("unfit", True)


def test_ports_of_windows(machine: Machine) -> None:
    """Only told: the exact command, how to check and to undo, and the end of WSL last."""
    where = world(
        wsl=2,
        wsl_network=seen("wsl.network", mode="nat"),
        wsl_ports=seen("wsl.ports", start=49152, count=16384),
    )
    answer = done("ports.widen", where).to_json()
    assert (answer["status"], answer["level"], answer["commands"]) == ("suggested", 4, [])
    steps = [step["command"] for step in answer["plan"]["steps"]]
    assert steps == [
        "netsh int ipv4 set dynamicport tcp start=32768 numberofports=28232",
        "wsl --shutdown",
    ]
    assert answer["plan"]["undo"] == ["netsh int ipv4 set dynamicport tcp start=49152 numberofports=16384"]
    assert "/proc/sys/net/ipv4/ip_local_port_range" in "".join(answer["plan"]["check"])
    assert machine.calls() == []


def test_ports_of_windows_come_back_as_they_were(machine: Machine) -> None:
    where = world(
        wsl=2, wsl_network=seen("wsl.network", mode="nat"), wsl_ports=seen("wsl.ports", start=1024, count=500)
    )
    assert planned("ports.widen", where).to_json()["plan"]["undo"][0].endswith("start=1024 numberofports=500")


def test_ports_of_windows_are_enough(machine: Machine) -> None:
    where = world(
        wsl=2,
        wsl_network=seen("wsl.network", mode="nat"),
        wsl_ports=seen("wsl.ports", start=32768, count=28232),
    )
    assert planned("ports.widen", where).status == "unfit"


@pytest.mark.skipif(not Path("/proc/sys/net").exists(), reason="reads a file of Linux")
def test_ports_in_mirrored_mode(machine: Machine) -> None:
    """Then Windows' range is not in the way, and changing it would be of no use."""
    where = world(wsl=2, wsl_network=seen("wsl.network", mode="mirrored"))
    answer = planned("ports.widen", where)
    assert answer.status == "suggested"
    assert "netsh" not in str(answer.to_json())
    assert "wsl --shutdown" not in str(answer.to_json())
    assert commands(answer)[0].startswith("sudo sysctl -w 'net.ipv4.ip_local_port_range=")


# mtu.lower


def mtu(machine: Machine, bytes_: int = 1350) -> World:
    machine.file("mtu", "FAKE_MTU", "1500")
    route = seen("link.route", device="en0", family=4)
    return world("macos", parameters={"mtu": {"bytes": bytes_}}, link_route=route)


def test_packets_on_macos(machine: Machine) -> None:
    where = mtu(machine)
    assert done("mtu.lower", where).status == "ok"
    assert by_sudo(machine) == ["ifconfig en0 mtu 1350"]
    assert taken_back(where) == ["the MTU of en0: 1500 again"]
    assert (machine.folder / "mtu").read_text() == "1500"


@pytest.mark.parametrize(("bytes_", "said"), [(1200, "below 1280"), (1500, "is 1500 already")])
def test_packets_that_must_not_be_smaller(machine: Machine, bytes_: int, said: str) -> None:
    answer = planned("mtu.lower", mtu(machine, bytes_))
    assert (answer.status, said in answer.detail) == ("unfit", True)


def test_packets_by_no_device(machine: Machine) -> None:
    answer = planned("mtu.lower", world("macos", link_route=seen("link.route", "fail")))
    assert answer.detail == "it is not known by which device the API is reached"


def test_a_device_that_is_gone_needs_no_undo(machine: Machine) -> None:
    """A VPN that was switched off meanwhile."""
    where = mtu(machine)
    done("mtu.lower", where)
    machine.env.setenv("FAKE_MTU", "/nowhere")
    (machine.programs / "ifconfig").unlink()
    (machine.programs / "ifconfig").write_text('#!/bin/sh\necho "interface $1 does not exist" >&2; exit 1\n')
    (machine.programs / "ifconfig").chmod(0o755)
    assert taken_back(where) == ["the MTU of en0: no longer there"]
    assert journal.entries() == []


# ipv6.prefer_v4


def service(machine: Machine, state: str = "Automatic") -> World:
    machine.file("services", "FAKE_SERVICES", {"USB 10/100/1000 LAN": "Automatic", "Wi-Fi": state})
    return world("macos", cause="ipv6.broken", http_v4=seen("http.v4"))


def test_ipv4_on_macos(machine: Machine) -> None:
    where = service(machine)
    assert done("ipv6.prefer_v4", where).status == "ok"
    assert by_sudo(machine) == ["networksetup -setv6off Wi-Fi"]
    assert taken_back(where) == ["IPv6 of Wi-Fi: automatic again"]
    assert by_sudo(machine)[1:] == ["networksetup -setv6automatic Wi-Fi"]


@pytest.mark.parametrize("state", ["Off", "Manual", "LinkLocal"])
def test_only_an_automatic_ipv6_can_be_brought_back(machine: Machine, state: str) -> None:
    answer = planned("ipv6.prefer_v4", service(machine, state))
    assert (answer.status, state.lower() in answer.detail) == ("unfit", True)


def test_the_user_has_switched_ipv6_on_again(machine: Machine) -> None:
    where = service(machine)
    done("ipv6.prefer_v4", where)
    machine.file("services", "FAKE_SERVICES", {"Wi-Fi": "Manual"})
    assert taken_back(where) == ["IPv6 of Wi-Fi: now manual: left alone"]


def test_a_service_that_is_gone(machine: Machine) -> None:
    where = service(machine)
    done("ipv6.prefer_v4", where)
    machine.file("services", "FAKE_SERVICES", {})
    assert taken_back(where) == ["IPv6 of Wi-Fi: no longer there"]


def test_ipv4_must_work(machine: Machine) -> None:
    where = world("macos", http_v4=seen("http.v4", "fail"))
    assert planned("ipv6.prefer_v4", where).detail == "the API is not reached by IPv4 either"


def test_the_service_of_a_device() -> None:
    text = (
        "An asterisk (*) denotes that a network service is disabled.\n(*) Old\n(Hardware Port: Old, "
        "Device: en0)\n\n(1) iPhone USB\n(Hardware Port: iPhone USB, Device: en8)\n\n(2) Wi-Fi "
        "(home)\n(Hardware Port: Wi-Fi, Device: en0)\n"
    )
    assert ipv6.service_of(text, "en0") == "Wi-Fi (home)"
    assert ipv6.service_of(text, "en9") == ""
    assert ipv6.service_of("", "en0") == ""


# clock.sync


def test_the_clock_on_macos(machine: Machine) -> None:
    where = world("macos", clock=seen("clock", "fail", skew_s=-4000.0))
    answer = done("clock.sync", where)
    assert (answer.status, answer.undo) == ("ok", None)
    assert by_sudo(machine) == ["sntp -sS time.apple.com"]


def test_the_clock_by_chrony(machine: Machine) -> None:
    running(machine, "chronyd")
    done("clock.sync", world(clock=seen("clock", "fail", skew_s=400.0)))
    assert by_sudo(machine) == ["chronyc makestep"]


def test_a_clock_that_nobody_keeps(machine: Machine) -> None:
    """Keeping it is switched on for the incident, and off again."""
    running(machine)
    path = machine.file("ntp", "FAKE_NTP", "no")
    where = world(clock=seen("clock", "fail", skew_s=400.0))
    assert done("clock.sync", where).status == "ok"
    assert path.read_text() == "yes"
    assert [entry.until for entry in journal.entries()] == ["incident"]
    assert taken_back(where) == ["keeping the clock by a time server: no again"]
    assert path.read_text() == "no"


def test_a_clock_that_is_right(machine: Machine) -> None:
    assert planned("clock.sync", world("macos", clock=seen("clock", skew_s=2.0))).status == "unfit"


def test_the_clock_of_a_container(machine: Machine) -> None:
    where = world(container="docker", clock=seen("clock", "fail", skew_s=400.0))
    assert planned("clock.sync", where).detail == "a container has the clock of its host: set that one"


def test_the_clock_of_wsl(machine: Machine) -> None:
    (machine.programs / "hwclock").write_text("#!/bin/sh\n")
    (machine.programs / "hwclock").chmod(0o755)
    where = world(wsl=2, clock=seen("clock", "fail", skew_s=4000.0))
    assert commands(planned("clock.sync", where)) == [f"sudo {machine.programs}/hwclock -s"]


# portal.open


def test_the_page_of_a_network(machine: Machine) -> None:
    (machine.programs / "open").write_text(f'#!/bin/sh\necho "$@" > {machine.folder}/opened\n')
    (machine.programs / "open").chmod(0o755)
    url = "http://captive.apple.com/hotspot-detect.html"
    where = world("macos", portal=seen("portal", "fail", url=url, outcome="portal"))
    assert done("portal.open", where, consent=False).status == "refused"
    assert done("portal.open", where).status == "ok"
    assert (machine.folder / "opened").read_text() == f"{url}\n"


def test_only_pages_are_opened(machine: Machine) -> None:
    (machine.programs / "open").write_text("#!/bin/sh\n")
    (machine.programs / "open").chmod(0o755)
    where = world("macos", portal=seen("portal", "fail", url="file:///etc/passwd"))
    assert "file:" not in str(planned("portal.open", where).to_json())


def test_there_is_no_such_page(machine: Machine) -> None:
    assert planned("portal.open", world("macos", portal=seen("portal"))).status == "unfit"


def test_no_browser(machine: Machine) -> None:
    answer = planned("portal.open", world(portal=seen("portal", "fail", url="http://x.test/")))
    assert (answer.status, "open any http:// page" in answer.detail) == ("unfit", True)
