"""A network of the demo's own, on Linux where users may make one (user_namespaces(7)): nothing that happens
in it reaches the machine's. It is gone when the last process in it is.
"""

import contextlib
import os
import shutil
import subprocess

PORTS = 40
API_PORT = 8080
NAME = "api.demo"
API = ("203.0.113.1", "2001:db8:ffff::1")  # RFC 5737 and RFC 3849: addresses for examples, nobody's
_TIMEOUT_S = 10.0
_OPTIONS = {"alone": "-Urn", "wire": "-Urnm"}
_TOOLS = {"alone": ("unshare", "ip"), "wire": ("unshare", "ip", "nsenter", "mount")}

_LO = "ip link set lo up"
_FEW_PORTS = f"echo 40000 {40000 + PORTS - 1} > /proc/sys/net/ipv4/ip_local_port_range"
_WIRE = "ip link add demo0 type veth peer name demo1"
_HERE = """\
ip addr add 192.0.2.2/24 dev demo0
ip addr add 2001:db8:1::2/64 dev demo0 nodad
ip link set demo0 up
ip route add default via 192.0.2.1
ip -6 route add default via 2001:db8:1::1
"""
_THERE = f"""\
{_LO}
ip addr add 192.0.2.1/24 dev demo1
ip addr add 2001:db8:1::1/64 dev demo1 nodad
ip addr add {API[0]}/32 dev demo1
ip addr add {API[1]}/128 dev demo1 nodad
ip link set demo1 up
"""
_TRIES = {
    "alone": f"{_LO}; {_FEW_PORTS}",
    "wire": f"{_LO}; {_WIRE}; {_HERE.splitlines()[1]}; mount --bind /etc/hosts /etc/resolv.conf",
}


class NoNetwork(Exception):
    """It could not be set up."""


def can_have(kind: str) -> bool:
    """By trying."""
    if not all(map(shutil.which, _TOOLS[kind])):
        return False
    return _sh(_TRIES[kind], "unshare", _OPTIONS[kind])


def enter(kind: str, argv: list[str]) -> None:
    """Become `argv` in a network of its own. Raises OSError."""
    os.execvp("unshare", ["unshare", _OPTIONS[kind], *argv])


def set_up(kind: str, folder: str) -> None:
    """For the processes that are in it. Raises NoNetwork."""
    steps = [_LO, *([_FEW_PORTS] if kind == "alone" else _name_server(folder))]
    for step in steps:
        if not _sh(step):
            raise NoNetwork(step)


def join(pid: int) -> None:
    """A wire to the network of the process `pid`, where the API is. Raises NoNetwork."""
    for step, *before in ((f"{_WIRE} netns {pid}",), (_THERE, "nsenter", "-t", str(pid), "-n"), (_HERE,)):
        if not _sh(step, *before):
            raise NoNetwork(step)


def _name_server(folder: str) -> list[str]:
    """Look-ups go to the demo's own name server alone."""
    steps = []
    for name, text in (("resolv.conf", "nameserver 192.0.2.1\n"), ("nsswitch.conf", "hosts: files dns\n")):
        if os.path.exists(f"/etc/{name}"):
            with open(os.path.join(folder, name), "w") as file:
                file.write(text)
            steps.append(f"mount --bind '{os.path.join(folder, name)}' /etc/{name}")
    return steps


def _sh(commands: str, *before: str) -> bool:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [*before, "sh", "-ec", commands],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
        )
        return done.returncode == 0
    return False
