"""Early warnings: told once, when a threshold is crossed, and never for what can't be measured."""

import pytest

from cc_guard.guard.early import Early

WARN = {
    "ports_used": 0.8,
    "time_wait": 0.5,
    "conntrack_used": 0.8,
    "swap_used": 0.9,
    "memory_available_mb": 1024,
}


class Machine:
    """The files of /proc; those that are not here do not exist."""

    def __init__(self) -> None:
        self.files = {
            "/proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
            "/proc/net/sockstat": "",
            "/proc/sys/net/netfilter/nf_conntrack_count": "10\n",
            "/proc/sys/net/netfilter/nf_conntrack_max": "1000\n",
        }
        self.sockets(40, 3)
        self.memory(9000, 1000, 900)

    def sockets(self, inuse: int, tw: int) -> None:
        text = f"sockets: used 200\nTCP: inuse {inuse} orphan 0 tw {tw} alloc 50 mem 4\nUDP: inuse 2 mem 1\n"
        self.files["/proc/net/sockstat"] = text

    def memory(self, available_mb: int, swap_mb: int, free_mb: int) -> None:
        self.files["/proc/meminfo"] = (
            f"MemTotal: 16000000 kB\nMemAvailable: {available_mb * 1024} kB\n"
            f"SwapTotal: {swap_mb * 1024} kB\nSwapFree: {free_mb * 1024} kB\nHugePages_Total: 0\n"
        )

    def read(self, path: str) -> str:
        try:
            return self.files[path]
        except KeyError:
            raise FileNotFoundError(path) from None


@pytest.fixture
def machine() -> Machine:
    return Machine()


def named(early: Early) -> list[str]:
    return [finding.probe for finding in early.look()]


def test_nothing_to_tell(machine: Machine) -> None:
    assert named(Early(WARN, machine.read)) == []


def test_each_is_told_when_it_crosses_its_threshold(machine: Machine) -> None:
    early = Early(WARN, machine.read)
    machine.sockets(5000, 20000)
    machine.memory(900, 1000, 50)
    machine.files["/proc/sys/net/netfilter/nf_conntrack_count"] = "900"
    found = early.look()
    assert {finding.probe.removeprefix("early.") for finding in found} == set(WARN)
    texts = {finding.probe: finding.summary for finding in found}
    assert "25000 of 28232 local ports" in texts["early.ports_used"]
    assert "900 MB" in texts["early.memory_available_mb"]
    assert all(finding.state == "warn" for finding in found)


def test_it_is_told_once_until_it_has_been_well(machine: Machine) -> None:
    early = Early(WARN, machine.read)
    machine.memory(900, 0, 0)
    assert named(early) == ["early.memory_available_mb"]
    machine.memory(1030, 0, 0)
    assert named(early) == []
    machine.memory(900, 0, 0)
    assert named(early) == [], "it swings around the threshold"
    machine.memory(5000, 0, 0)
    assert named(early) == []
    machine.memory(900, 0, 0)
    assert named(early) == ["early.memory_available_mb"]


def test_a_few_closed_connections_are_nothing(machine: Machine) -> None:
    machine.sockets(10, 200)
    assert named(Early(WARN, machine.read)) == []


def test_what_the_user_switched_off_and_what_is_not_there(machine: Machine) -> None:
    machine.memory(900, 0, 0)
    assert named(Early({"ports_used": 0.8}, machine.read)) == []
    machine.files.clear()
    assert named(Early(WARN, machine.read)) == []
    machine.files["/proc/meminfo"] = "garbage\nMemAvailable: x kB\n"
    machine.files["/proc/net/sockstat"] = "TCP: inuse\n"
    assert named(Early(WARN, machine.read)) == []


def test_it_looks_twice_a_minute(machine: Machine) -> None:
    early = Early(WARN, machine.read)
    assert early.due(100.0) == []
    machine.memory(900, 0, 0)
    assert early.due(110.0) == []
    assert len(early.due(131.0)) == 1


def test_this_machine_can_be_read() -> None:
    """With thresholds that everything crosses, whatever can be measured here is told."""
    found = Early({"ports_used": -1.0, "memory_available_mb": 1e12}).look()
    assert [finding.probe for finding in found] == ["early.ports_used", "early.memory_available_mb"]


def test_a_file_without_the_row_measures_nothing(machine: Machine) -> None:
    """The guard's loop asks: nothing may come out of here but findings."""
    machine.files["/proc/net/sockstat"] = "sockets: used 5\n"
    machine.memory(900, 0, 0)
    assert named(Early(WARN, machine.read)) == ["early.memory_available_mb"]
