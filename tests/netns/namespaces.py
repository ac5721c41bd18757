"""Two network namespaces with a wire between them, in which faults can be real.

    with wired() as (here, there):
        here.ip("route", "add", "unreachable", "10.77.1.0/24")
        here.run(function)                      # its sockets, and those of its threads, are `here`

`here` has 10.77.0.1 and fd77::1; `there` has 10.77.0.2 and fd77::2, and 10.77.1.2 and fd78::2 behind it.
"""

import ctypes
import itertools
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

_CLONE_NEWNET = 0x40000000
_MACS = ("02:00:00:00:77:01", "02:00:00:00:77:02")
_numbers = itertools.count()
T = TypeVar("T")


class SetupError(Exception):
    """This machine does not let us make namespaces; the text says why."""


class Namespace:
    def __init__(self, name: str) -> None:
        self.name = name

    def ip(self, *arguments: str) -> None:
        _ip("-n", self.name, *arguments)

    def batch(self, lines: list[str]) -> None:
        """Many of `ip`'s commands at once, such as `route add …`."""
        _ip("-n", self.name, "-batch", "-", text="\n".join(lines))

    def argv(self, *command: str) -> list[str]:
        """A command in this namespace, with its own /etc/resolv.conf and /etc/hosts."""
        return ["ip", "netns", "exec", self.name, *command]

    def etc(self, **files: str) -> None:
        """Its own files in /etc, by `resolv_conf` and `hosts`: ip-netns(8)."""
        folder = _etc(self.name)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name.replace("_", ".")).write_text(text)

    @contextmanager
    def sysctl(self, values: Mapping[str, object]) -> Iterator[None]:
        """Of the network: `net.ipv4.ip_local_port_range` and the like. Afterwards they are as before."""
        files = {name: Path("/proc/sys", *name.split(".")) for name in values}
        before = self.run(lambda: {name: file.read_text().strip() for name, file in files.items()})
        self._set(values)
        try:
            yield
        finally:
            self._set(before)

    def _set(self, values: Mapping[str, object]) -> None:
        if values:
            words = [f"{name}={value}" for name, value in values.items()]
            _run(self.argv("sysctl", "-q", "-w", *words))

    @contextmanager
    def nft(self, incoming: Iterable[str] = (), outgoing: Iterable[str] = ()) -> Iterator[None]:
        """Rules as in `tcp flags syn drop`; what none of them takes, passes."""
        chains = "".join(
            f"chain {hook} {{ type filter hook {hook} priority 0; {'; '.join(rules)}; }}\n"
            for hook, rules in (("input", list(incoming)), ("output", list(outgoing)))
            if rules
        )
        if not chains:
            yield
            return
        _run(self.argv("nft", "-f", "-"), f"table inet faults {{\n{chains}}}\n")
        try:
            yield
        finally:
            _run(self.argv("nft", "delete", "table", "inet", "faults"))

    def run(self, function: Callable[[], T]) -> T:
        """What `function` returns or raises, run in this namespace."""
        results: list[T] = []
        errors: list[BaseException] = []

        def inside() -> None:
            try:
                self._enter()
                results.append(function())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=inside)  # a namespace is a property of a thread: setns(2)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return results[0]

    def _enter(self) -> None:
        descriptor = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(descriptor)


def missing() -> str:
    """Why there can't be namespaces on this machine at all; empty when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    return "" if shutil.which("ip") else "iproute2 is not installed"


@contextmanager
def wired() -> Iterator[tuple[Namespace, Namespace]]:
    """Raises SetupError. Both namespaces are gone at the end."""
    number = next(_numbers)
    names = [f"cc-guard-{os.getpid()}-{number}-{side}" for side in ("here", "there")]
    try:
        for name in names:
            _ip("netns", "add", name)
        here, there = map(Namespace, names)
        peer = ("peer", "name", "wire", "address", _MACS[1], "netns", there.name)
        here.ip("link", "add", "wire", "address", _MACS[0], "type", "veth", *peer)
        for namespace, host in ((here, 1), (there, 2)):
            for address in (f"10.77.0.{host}/24", f"fd77::{host}/64"):
                namespace.ip("address", "add", address, "dev", "wire", "nodad")
            for device in ("lo", "wire"):
                namespace.ip("link", "set", device, "up")
        for address in ("10.77.1.2/32", "fd78::2/128"):
            there.ip("address", "add", address, "dev", "lo", "nodad")
        here.ip("route", "add", "10.77.1.0/24", "via", "10.77.0.2")
        here.ip("route", "add", "fd78::/64", "via", "fd77::2")
        # Else IPv6 would take a second to learn it, on a link that is new.
        here.ip("neighbor", "add", "fd77::2", "lladdr", _MACS[1], "dev", "wire")
        there.ip("neighbor", "add", "fd77::1", "lladdr", _MACS[0], "dev", "wire")
        yield here, there
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=20)
            shutil.rmtree(_etc(name), ignore_errors=True)


def _etc(name: str) -> Path:
    return Path("/etc/netns") / name


def _ip(*arguments: str, text: str = "") -> None:
    _run(["ip", *arguments], text)


def _run(argv: list[str], text: str = "") -> None:
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=20)
    except OSError as error:
        raise SetupError(f"{argv[0]}: {error}") from error
    if done.returncode:
        raise SetupError(f"{' '.join(argv)}: {done.stderr.strip()}")
