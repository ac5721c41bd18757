"""All probes of this machine's own state, with tools and files that say anything: findings, never a crash."""

import asyncio
import os
from collections.abc import Callable
from importlib import import_module
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_guard.diagnose import client, engine, processes, sockets, tools
from cc_guard.diagnose.facts import Facts, System
from cc_guard.diagnose.probe import Context, Probe
from cc_guard.diagnose.probes import signin, vms, wsl
from cc_guard.diagnose.tools import Ran
from tests.fakes.looking import context

MODULES = ("ports", "conntrack", "wsl", "sleep", "memory", "load", "process", "vms", "signin", "client")
PROBES: list[Probe] = [
    probe for name in MODULES for probe in import_module(f"cc_guard.diagnose.probes.{name}").PROBES
]
LONGER = int(os.environ.get("CC_GUARD_TEST_LONGER", "1"))  # times as many examples
STATES = ("pass", "warn", "fail", "skip", "na")

# What each tool and file says when all is well, with N for a number; it is then cut, repeated and disturbed.
RIGHT = {
    "portrange": "N\nN\nN\nN\n",
    "ip_local_port_range": "3N\t60999\n",
    "reserved_ports": "N,N-N\n",
    "/net/tcp": " sl\n 0: 0100007F:8N 0100007F:01BB 06 0:0 0:0 0 0 0 N\n 1: 0:90N 0:0 0A a b c d e N",
    "netstat": "tcp4  0  0  1.2.3.4.N  5.6.7.8.443  TIME_WAIT\ntcp4  0  0  *.N  *.*  LISTEN\n",
    "conntrack": "N",
    "wslinfo": "nat\n",
    "dynamicport": "Start : N\r\nNumber : N\r\n",
    "excludedportrange": "  N   N\r\n  N  N  *\r\n",
    "kern.boottime": "{ sec = N, usec = N } x",
    "kern.waketime": "{ sec = N, usec = N } x",
    "systemctl": "InactiveEnterTimestampMonotonic=N\n",
    "meminfo": "MemTotal: 9N kB\nMemAvailable: N kB\nSwapTotal: N kB\nSwapFree: N kB\n",
    "pressure": "some avg10=N.00 avg60=0.00 avg300=0.00 total=1\n",
    "/cgroup": "0::/a/b\n4:memory:/a\n",
    "mountinfo": "32 31 0:29 / /sys/x rw - cgroup2 x rw\n33 31 0:29 /a /sys/y rw - cgroup x rw,memory\n",
    "memory.": "N",
    "memory.stat": "inactive_file N\ntotal_inactive_file N\n",
    "hw.memsize": "9N",
    "vm_pressure_level": "N",
    "vm.swapusage": "total = N.00M  used = N,00G  free = N.00M",
    "memory_pressure": "free percentage: N%",
    "/stat": "N (claude) S 1 " + "N " * 30,
    "/cmdline": "claude\0run\0--suspendable\0dev\0",
    "ps": "N 1 N claude x\nN 1 N tart run --suspendable dev\nN N N dockerd\nN N N conmon -n a\n",
    "tart": '[{"Name": "dev", "State": "running", "Running": true}, {"Name": "N", "State": N}]',
    "docker": '{"Names": "N"}\n{"Names": N}\n',
    "auth": '{"loggedIn": true, "authMethod": "claude.ai", "loginExpiresAt": N}',
    "node": "vN.N.N\n",
    "scutil": "resolver #1\n  nameserver[0] : 10.0.0.N\n",
    "route": "  gateway: 10.0.0.N\n  interface: enN\n",
    "/net/route": "x\neth0\t00000000\t0N\t0003\t0\t0\tN\t00000000\t0\n",
}
NUMBERS = (
    "1",
    "3",
    "22",
    "300",
    "1024",
    "2999",
    "30000",
    "49152",
    "1700000000",
    str(2**31),
    "0",
    "9" * 30,
    "-1",
    "x",
)
ODD = "\0\n\r\t :,.()[]{}\"'\\%*-+eEN０٣é数\ud800\U0001f600"


def saying(random: Random, asked: str) -> str:
    """What is said to that question: the same for the same randomness, in whatever order probes ask."""
    keys = [key for key in RIGHT if key in asked]
    parts = RIGHT[max(keys, key=len)].split("N") if keys else [""]
    text = parts[0] + "".join(random.choice(NUMBERS) + part for part in parts[1:])
    at = random.randint(0, len(text))
    noise = "".join(random.choices(ODD, k=random.randint(1, 20)))
    changed = (text, text, text, text[:at], text + text[at:], text[:at] + noise + text[at:], noise, "")
    return random.choice(changed)


@pytest.mark.parametrize("system", ["linux", "macos", "other"])
def test_anything(system: System) -> None:
    reached: set[tuple[str, str]] = set()

    @settings(max_examples=50 * LONGER, deadline=None, derandomize=LONGER == 1)
    @given(st.integers(0, 2**32))
    def check(seed: int) -> None:
        async def run(*argv: str, **_: object) -> Ran:
            random = Random(f"{seed} {argv!a}")
            said = saying(random, " ".join(argv))
            out = said.encode(random.choice(("utf-8", "utf-16", "utf-16-le")), "replace")
            return random.choice((Ran(0, out), Ran(0, out), Ran(0, out), Ran(1, out), Ran(None)))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tools, "run", run)
            patch.setattr(tools, "read", lambda path, *_: saying(Random(f"{seed} {path!a}"), path))
            patch.setattr(processes, "_listed", lambda _: ["1", "2", "x"])
            patch.setattr(client, "program", lambda _: "/x/cli.js")
            patch.setattr(client, "version", lambda _: (2, 1, 200))
            patch.setattr(wsl, "_netsh", lambda: "netsh.exe")
            patch.setattr(signin, "_has_run", lambda _: True)
            patch.setattr(Facts, "has", lambda *_: True)
            patch.setattr(vms, "socket_of", lambda _: "/x/docker.sock")
            where = context(system, wsl=2, container="docker", client_pid=1)
            found = asyncio.run(engine.run([*_needed(), *PROBES], where))
        assert len(found) >= len(PROBES)
        for finding in found:
            reached.add((finding.probe, finding.state))
            assert finding.state in STATES
            assert "crash" not in finding.evidence, finding
            assert finding.summary

    check()
    judged = {probe for probe, state in reached if state in ("pass", "warn", "fail")}
    wanted = {"ports.use", "wsl.ports", "sleep", "memory", "vm.tart", "vm.containers", "signin", "sessions"}
    assert wanted - judged == set(), "the odd answers never got past the first look"


def _needed() -> list[Probe]:
    async def run(_: Context) -> list[object]:
        from cc_guard.incident.record import Finding

        return [Finding("dns.system", "pass", "made up", {"addresses": ["127.0.0.1", "x", "::1"]})]

    return [Probe("dns.system", "Network", run)]  # type: ignore[arg-type]


def test_this_machine_as_it_is() -> None:
    """And each probe within its own deadline."""
    found = asyncio.run(engine.run([*_needed(), *PROBES], context(environ=dict(os.environ))))
    assert not [finding for finding in found if "crash" in finding.evidence]
    assert {finding.probe for finding in found} >= {probe.name for probe in PROBES}


@pytest.mark.parametrize("parse", [sockets.parse_proc, sockets.parse_netstat, processes.parse_ps])
def test_a_megabyte_of_nonsense(parse: Callable[[str], object]) -> None:
    parse("x " * 500_000)
    parse("tcp4 0 0 1 " * 90_000)
