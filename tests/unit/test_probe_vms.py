"""Virtual machines and containers, against fakes of Tart, Docker and macOS' tools."""

import ipaddress
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.diagnose import interfaces, nameservers, processes, tools
from cc_guard.diagnose.probes import vms
from cc_guard.diagnose.processes import Process
from cc_guard.incident.record import Finding
from tests.fakes.looking import HERE, context, look, only

MACOS = context("macos")


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    only(monkeypatch, tmp_path / "bin", "tart", "docker", "ps", "scutil", "route")
    monkeypatch.setenv("FAKE_PS", "")
    return monkeypatch


def running(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Processes, as `pid parent kib arguments`."""
    monkeypatch.setenv("FAKE_PS", "".join(rf"{line}\n" for line in lines))


# Tart


def tart() -> Finding:
    return look(vms.PROBES, "vm.tart", MACOS)


def test_no_tart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, tmp_path / "bin")
    assert tart().state == "na"


def test_machines_of_tart(fakes: pytest.MonkeyPatch) -> None:
    fakes.setenv(
        "FAKE_TART", "ghcr.io/cirruslabs/macos-sonoma:latest:stopped dev:running ci:running old:suspended"
    )
    running(
        fakes,
        "70 1 90000 /opt/homebrew/bin/tart run --suspendable --dir=src:/Users/x/src dev",
        "71 1 90000 tart run --no-graphics ci",
        "72 1 8000 tart pull ghcr.io/x",
    )
    found = tart()
    assert found.state == "pass"
    assert found.evidence == {
        "running": [
            {"name": "dev", "suspendable": True, "pid": 70, "memory_mb": None},
            {"name": "ci", "suspendable": False, "pid": 71, "memory_mb": None},
        ],
        "suspended": ["old"],
        "listed": True,
    }


def test_the_memory_of_the_only_machine(fakes: pytest.MonkeyPatch) -> None:
    fakes.setenv("FAKE_TART", "old:dev:running ci:stopped")
    framework = "/System/Library/Frameworks/Virtualization.framework/Versions/A/XPCServices/"
    helper = "com.apple.Virtualization.VirtualMachine"
    running(fakes, f"90 1 8388608 {framework}{helper}.xpc/Contents/MacOS/{helper}")
    found = tart()
    assert found.evidence["running"] == [{"name": "dev", "suspendable": None, "pid": None, "memory_mb": 8192}]


@pytest.mark.parametrize(
    ("lines", "suspendable"),
    [
        # A name that is also the value of another machine's option.
        (("tart run --suspendable --disk dev ci", "tart run dev"), {"dev": False, "ci": True}),
        (("tart run --dir dev --suspendable ci",), {"dev": None, "ci": True}),
        # A path with a blank.
        (("tart run --dir=src:/Users/x/My Projects --suspendable dev",), {"dev": True, "ci": None}),
        (("tart run --dir=src:/Users/x/My dev ci --suspendable",), {"dev": None, "ci": None}),
        # Twice, as when one hangs.
        (("tart run --suspendable dev", "tart run dev"), {"dev": None, "ci": None}),
        (("tart run --suspendable dev", "tart run dev --suspendable"), {"dev": True, "ci": None}),
        (("tart run dev --suspendable",), {"dev": True, "ci": None}),
        (("/bin/sh -c tart run --suspendable dev",), {"dev": None, "ci": None}),
        (("tart run-suspendable dev", "tart run --suspendable=dev ci"), {"dev": None, "ci": False}),
    ],
)
def test_only_what_is_sure_to_be_suspendable(
    fakes: pytest.MonkeyPatch, lines: tuple[str, ...], suspendable: dict[str, bool | None]
) -> None:
    """`tart suspend` ends a machine that was not started for it."""
    fakes.setenv("FAKE_TART", "dev:running ci:running")
    running(fakes, *(f"{70 + n} 1 90000 {line}" for n, line in enumerate(lines)))
    assert {one["name"]: one["suspendable"] for one in tart().evidence["running"]} == suspendable


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ('[{"Name": "dev", "State": "RUNNING"}]', ["dev"]),
        ('[{"Name": "dev", "State": "running", "Name": "ci"}]', ["ci"]),
        ('[{"name": "dev", "state": "running"}]', []),
        ('[{"Name": ["dev"], "State": "running"}, 7, null, [], {"Name": "ci", "Running": 1}]', ["ci"]),
        ('[{"Name": "dev", "State": null, "Running": true}]', ["dev"]),
        ('[{"Name": "dev", "State": {"x": 1}, "Running": false}]', []),
        ('{"VMs": [{"Name": "dev", "State": "running"}]}', None),
        ("[]", []),
        ("", None),
        ("Error: no permission", None),
    ],
)
def test_lists_of_another_shape(said: str, names: list[str] | None) -> None:
    found = vms.parse_tart(said)
    running = None if found is None else [name for name, state in found if state == "running"]
    assert running == names


@pytest.mark.parametrize("said", ["hang", "garbage"])
def test_tart_does_not_help_but_its_processes_do(fakes: pytest.MonkeyPatch, said: str) -> None:
    fakes.setenv("FAKE_TART", said)
    fakes.setattr(vms, "_TART_TIMEOUT_S", 0.1 if said == "hang" else 1.0)
    assert tart().state == "na"
    running(fakes, "70 1 90000 tart run --disk /x/data.img --suspendable dev --net-bridged en0")
    found = tart()
    assert (found.state, found.evidence["listed"]) == ("pass", False)
    assert found.evidence["running"][0]["name"] == "dev"
    assert found.evidence["running"][0]["suspendable"] is True


# Containers


def containers(**more: Any) -> Finding:
    return look(vms.PROBES, "vm.containers", context("macos", **more))


@pytest.mark.parametrize(
    ("line", "engine"),
    [
        ("5 1 1 /usr/bin/dockerd -H fd://", "docker"),
        ("5 1 1 /Applications/Docker.app/Contents/MacOS/com.docker.backend run", "docker"),
        ("5 1 1 /Applications/OrbStack.app/Contents/MacOS/OrbStack", "orbstack"),
        ("5 1 1 /opt/homebrew/bin/limactl hostagent --pidfile /x/.colima/_lima/colima/ha.pid", "colima"),
        ("5 1 1 /opt/homebrew/bin/limactl hostagent --pidfile /x/.lima/default/ha.pid default", "lima"),
        ("5 1 1 /Applications/UTM.app/Contents/MacOS/UTM", "utm"),
        (
            "5 1 1 /Applications/Parallels Desktop.app/Contents/MacOS/prl_vm_app -x",
            "parallels",
        ),
        ("5 1 1 qemu-system-x86_64 -m 4096", "qemu"),
    ],
)
def test_engines(fakes: pytest.MonkeyPatch, tmp_path: Path, line: str, engine: str) -> None:
    fakes.setattr(vms, "_DOCKER_SOCKETS", {})
    running(fakes, line)
    assert engine in containers().evidence["engines"]


@pytest.fixture
def docker(fakes: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Docker runs, and has a socket."""
    path = tmp_path / "docker.sock"
    path.touch()
    fakes.setattr(vms, "_DOCKER_SOCKETS", {"docker": (str(path),)})
    running(fakes, "5 1 1 /usr/bin/dockerd")
    return fakes


def test_containers_of_docker(docker: pytest.MonkeyPatch) -> None:
    docker.setenv("FAKE_DOCKER", "db web")
    found = containers()
    assert (found.state, found.evidence["running"]) == ("pass", ["db", "web"])


def test_the_engine_of_another_machine_is_not_asked(docker: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What DOCKER_HOST names is not here. The fake fails on anything but `--host unix://… ps`."""
    docker.setenv("DOCKER_HOST", "ssh://somebody@elsewhere.example.test")
    docker.setenv("FAKE_DOCKER", "db")
    assert containers().evidence["running"] == ["db"]


def test_an_engine_that_does_not_run_is_not_woken(docker: pytest.MonkeyPatch) -> None:
    """systemd would start it for whoever connects to its socket."""
    docker.setenv("FAKE_DOCKER", "db")
    running(docker, "5 1 1 /bin/zsh")
    assert containers().evidence == {"engines": [], "running": [], "networks": [], "silent": []} | {
        "networks": containers().evidence["networks"]
    }


@pytest.mark.parametrize(
    ("said", "state", "names"), [("hang", "warn", []), ("refused", "pass", []), ("garbage", "pass", ["ok"])]
)
def test_docker_does_not_help(docker: pytest.MonkeyPatch, said: str, state: str, names: list[str]) -> None:
    docker.setenv("FAKE_DOCKER", said)
    docker.setattr(vms, "_DOCKER_TIMEOUT_S", 0.1 if said == "hang" else 1.0)
    found = containers()
    assert (found.state, found.evidence["running"]) == (state, names)


def test_containers_of_podman(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = Process(9, 1, "conmon", ("/usr/bin/conmon", "-c", "8a3f", "-n", "cache", "-u", "x"), 1)

    async def table(_: object) -> list[Process]:
        return [monitor, Process(10, 1, "conmon", ("conmon", "-n"), 1)]

    monkeypatch.setattr(processes, "table", table)
    found = look(vms.PROBES, "vm.containers", context("linux"))
    assert (found.evidence["engines"], found.evidence["running"]) == (["podman"], ["cache"])


def test_here() -> None:
    for name in ("vm.containers", "vm.overlap"):
        assert look(vms.PROBES, name, context()).state in ("pass", "warn")


# Networks that lie over the way


def overlaps(
    monkeypatch: pytest.MonkeyPatch, mine: list[tuple[str, str]], server: str, gateway: str, *api: str
) -> Finding:
    async def configured(_: object) -> list[nameservers.Server]:
        return [nameservers.server(server)]

    async def way_out(_: object) -> str:
        return gateway

    listed = [(name, ipaddress.ip_interface(address)) for name, address in mine]
    monkeypatch.setattr(interfaces, "listed", lambda: listed)
    monkeypatch.setattr(nameservers, "configured", configured)
    monkeypatch.setattr(interfaces, "gateway", way_out)
    return look(vms.PROBES, "vm.overlap", context(), dns_system={"addresses": list(api)})


HOME = [("lo", "127.0.0.1/8"), ("en0", "192.168.1.5/24"), ("bridge100", "192.168.64.1/24")]


def test_nothing_overlaps(monkeypatch: pytest.MonkeyPatch) -> None:
    found = overlaps(monkeypatch, HOME, "192.168.1.1", "192.168.1.1", "160.79.104.10", "2607:6bc0::10")
    assert (found.state, found.evidence) == ("pass", {"overlaps": []})


def test_a_bridge_over_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A company's proxy in the range that Docker likes."""
    mine = [*HOME, ("br-0123456789ab", "172.18.0.1/16")]
    found = overlaps(monkeypatch, mine, "192.168.1.1", "192.168.1.1", "172.18.44.3")
    assert found.state == "warn"
    assert found.evidence["overlaps"] == [
        {"network": "172.18.0.0/16", "interface": "br-0123456789ab", "with": "the API 172.18.44.3"}
    ]


def test_a_bridge_over_our_own_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tart's network is that of the user's router, too."""
    mine = [("en0", "192.168.64.7/24"), ("bridge100", "192.168.64.1/24")]
    found = overlaps(monkeypatch, mine, "192.168.64.254", "192.168.64.254", "160.79.104.10")
    assert {one["with"] for one in found.evidence["overlaps"]} == {
        "the gateway 192.168.64.254",
        "en0 192.168.64.0/24",
    }


def test_a_bridge_that_is_our_nameserver(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = [("eth0", "10.0.0.5/24"), ("virbr0", "192.168.122.1/24")]
    assert overlaps(monkeypatch, mine, "192.168.122.1", "10.0.0.1").state == "pass"


@pytest.mark.parametrize(
    ("address", "mask", "network"),
    [
        ("192.168.1.5", "255.255.255.0", "192.168.1.0/24"),
        ("fe80::1%en0", "ffff:ffff:ffff:ffff::", "fe80::/64"),
        ("10.0.0.1", "garbage", None),
        ("x", "255.0.0.0", None),
    ],
)
def test_masks(address: str, mask: str, network: str | None) -> None:
    found = interfaces.interface(address, mask)
    assert (found and str(found.network)) == network


# The default route


ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010011AC\t0003\t0\t0\t100\t00000000\t0\t0\t0
tun0\t00000000\t00000000\t0001\t0\t0\t50\t00000000\t0\t0\t0
eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


@pytest.mark.skipif("sys.byteorder == 'big'", reason="the sample is of a little-endian machine")
def test_routes_of_linux() -> None:
    assert interfaces.parse_routes(ROUTES) == "tun0"
    assert interfaces.parse_routes(ROUTES.replace("\t50\t", "\t500\t")) == "172.17.0.1"
    assert interfaces.parse_routes("") is None


@pytest.mark.parametrize(("gateway", "said"), [("192.168.1.1", "192.168.1.1"), ("", "en0")])
def test_route_of_macos(fakes: pytest.MonkeyPatch, gateway: str, said: str) -> None:
    import asyncio

    fakes.setenv("FAKE_GATEWAY", gateway)
    assert asyncio.run(interfaces.gateway(MACOS.facts)) == said


# Inside of a container


@pytest.mark.parametrize(
    ("servers", "gateway", "state"),
    [(["127.0.0.11"], "172.17.0.1", "pass"), ([], "172.17.0.1", "warn"), (["127.0.0.11"], None, "warn")],
)
def test_inside(monkeypatch: pytest.MonkeyPatch, servers: list[str], gateway: str | None, state: str) -> None:
    async def configured(_: object) -> list[nameservers.Server]:
        return [nameservers.server(one) for one in servers]

    async def way_out(_: object) -> str | None:
        return gateway

    monkeypatch.setattr(nameservers, "configured", configured)
    monkeypatch.setattr(interfaces, "gateway", way_out)
    found = look(vms.PROBES, "container.network", context(container="docker"))
    assert found.state == state
    assert found.evidence == {
        "kind": "docker",
        "dns": servers,
        "docker_dns": bool(servers),
        "gateway": gateway,
    }


def test_outside() -> None:
    assert look(vms.PROBES, "container.network", context()).state == "na"


# Whatever they say


@given(
    st.text()
    | st.binary().map(tools.decoded)
    | st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["Name", "State", "Names"]) | st.text(), inner)
        ),
    ).map(json.dumps)
)
def test_no_text_is_too_odd(text: str) -> None:
    for name, state in vms.parse_tart(text) or ():
        assert isinstance(name, str)
        assert isinstance(state, str)
    assert all(isinstance(name, str) for name in vms.parse_docker(text))
    interfaces.parse_routes("\n" + text)
    interfaces.parse_route_get(text)


def test_deep_json() -> None:
    assert vms.parse_tart("[" * 100_000) is None


@pytest.mark.skipif(HERE != "linux", reason="the sample is of this machine")
def test_our_networks() -> None:
    for _, net in interfaces.networks():
        assert not net.is_loopback
    assert any(one.ip.is_loopback for _, one in interfaces.listed()), socket.gethostname()
