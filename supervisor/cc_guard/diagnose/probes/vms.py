"""Virtual machines and containers on this machine, the networks they add, and being inside of one.

They share this machine's memory, its local ports and its address translation, and their networks may take
the place of the way to the API. Only read-only commands are run, and only towards engines that already run:
asking a socket that systemd watches would start the engine behind it.
"""

import asyncio
import ipaddress
import json
import os
import re
from collections.abc import Iterable
from typing import Any

from cc_guard.diagnose import interfaces, nameservers, processes, tools
from cc_guard.diagnose.probe import Context, Probe, always
from cc_guard.diagnose.processes import Process
from cc_guard.incident.record import Finding

_TART_TIMEOUT_S = 1.5
_DOCKER_TIMEOUT_S = 1.0
_MOST_NAMES = 20

# `tart run`'s options that take a value: Sources/tart/Commands/Run.swift of github.com/cirruslabs/tart.
_TART_VALUES = (
    *("--serial-path", "--disk", "--rosetta", "--dir", "--root-disk-opts"),
    *("--net-bridged", "--net-softnet-allow", "--net-softnet-block", "--net-softnet-expose"),
)
# Apple's helper that holds the memory of a virtual machine, whichever program started it.
_APPLE_VM = "com.apple.Virtualization.VirtualMachine"

# By the name of a process that runs as long as the engine does. Names are cut at 15 characters on Linux
# (proc_pid_comm(5)). Sources: each vendor's documentation of its processes or command line.
_ENGINES: dict[str, tuple[str, ...]] = {
    "docker": ("dockerd", "com.docker.backend", "com.docker.back"),
    "podman": ("conmon", "gvproxy"),
    "orbstack": ("OrbStack", "OrbStack Helper"),
    "colima": ("colima",),
    "lima": ("limactl",),
    "parallels": ("prl_vm_app", "prl_disp_service"),
    "utm": ("UTM", "QEMULauncher"),
    "virtualbox": ("VBoxHeadless", "VirtualBoxVM"),
    "vmware": ("vmware-vmx",),
    "qemu": ("qemu-system-x86_64", "qemu-system-x86", "qemu-system-aarch64", "qemu-system-aar"),
    "libvirt": ("libvirtd", "virtqemud"),
    "lxd": ("lxd", "incusd"),
    "kubernetes": ("kubelet", "k3s"),
}
# Where each engine puts its Docker socket: docs.docker.com/engine/daemon, docs.orbstack.dev/docker,
# github.com/abiosoft/colima (FAQ).
_DOCKER_SOCKETS: dict[str, tuple[str, ...]] = {
    "docker": ("/var/run/docker.sock", "~/.docker/run/docker.sock"),
    "orbstack": ("~/.orbstack/run/docker.sock",),
    "colima": ("~/.colima/default/docker.sock", "~/.config/colima/default/docker.sock"),
}


async def _tart(context: Context) -> list[Finding]:
    """Evidence: running [{name, suspendable (bool, None when its `tart run` can't be seen), pid, memory_mb
    (None when several run)}], suspended [names], listed (whether `tart list` answered).

    `tart suspend` on a machine that was not started with --suspendable ends it (CAUSES, Tart semantics).
    """
    ran, table = await asyncio.gather(
        tools.run("tart", "list", "--format", "json", timeout_s=_TART_TIMEOUT_S),
        processes.once(context.facts),
    )
    machines = parse_tart(ran.text)
    runs = [process for process in table if _is_tart_run(process)]
    if machines is None:
        names = [name for name in map(_tart_name, runs) if name]
    else:
        names = [name for name, state in machines if state == "running"]
    memory = [process.mb for process in table if _APPLE_VM in process.name]
    mb = round(memory[0]) if len(memory) == len(names) == 1 else None
    running = [_tart_machine(name, names, runs, mb) for name in dict.fromkeys(names)]
    suspended = list(dict.fromkeys(name for name, state in machines or () if state == "suspended"))
    evidence = {"running": running, "suspended": suspended, "listed": machines is not None}
    if machines is None and not runs:
        why = "did not answer in time" if ran.status is None else "gave no list"
        return [Finding("vm.tart", "na", f"tart {why}", evidence)]
    if not running:
        return [Finding("vm.tart", "pass", "no virtual machine of Tart is running", evidence)]
    return [Finding("vm.tart", "pass", f"running in Tart: {', '.join(map(_described, running))}", evidence)]


def parse_tart(text: str) -> list[tuple[str, str]] | None:
    """Name and state (running, suspended, stopped) of each machine; None when it is no such list. Versions
    before State was added have Running alone."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(rows, list):
        return None
    found = []
    for row in rows:
        if isinstance(row, dict) and isinstance(row.get("Name"), str):
            state = row.get("State")
            known = (
                state.lower() if isinstance(state, str) else "running" if row.get("Running") else "stopped"
            )
            found.append((row["Name"], known))
    return found


def _is_tart_run(process: Process) -> bool:
    words = process.arguments
    return len(words) > 2 and os.path.basename(words[0]) == "tart" and words[1] == "run"


def _tart_name(process: Process) -> str:
    return next(iter(_tart_words(process)), "")


def _tart_words(process: Process) -> list[str]:
    """The arguments that may be the machine's name. macOS joins arguments by blanks, so that a path with one
    in it adds more."""
    words = iter(process.arguments[2:])
    found = []
    for word in words:
        if word in _TART_VALUES:
            next(words, "")
        elif not word.startswith("-"):
            found.append(word)
    return found


def _tart_machine(name: str, names: Iterable[str], runs: list[Process], mb: int | None) -> dict[str, Any]:
    """Where it can't be told whose `tart run` one is, it is nobody's, and where several are its, they have to
    agree: to suspend a machine that can't be is to end it."""
    known = set(names)
    own = [one for one in runs if known.intersection(_tart_words(one)) == {name}]
    able = {"--suspendable" in one.arguments for one in own}
    return {
        "name": name,
        "suspendable": able.pop() if len(able) == 1 else None,
        "pid": max(one.pid for one in own) if own and not able else None,
        "memory_mb": mb,
    }


def _described(machine: dict[str, Any]) -> str:
    return f"{machine['name']} (suspendable)" if machine["suspendable"] else str(machine["name"])


async def _containers(context: Context) -> list[Finding]:
    """Evidence: engines (that run: docker, podman, orbstack, colima, lima, parallels, utm, virtualbox,
    vmware, qemu, libvirt, lxd, kubernetes), running (names of containers, as far as they can be asked),
    networks (CIDR of interfaces that engines have made here), silent (engines that did not answer)."""
    table = await processes.once(context.facts)
    engines = running_engines(table)
    asked = {name: path for name in engines if (path := socket_of(name))}
    answers = await asyncio.gather(*(_docker_names(path) for path in asked.values()))
    names = [name for found in answers for name in found or ()] + _podman_names(table)
    silent = [name for name, found in zip(asked, answers, strict=True) if found is None]
    networks = {str(net) for name, net in interfaces.networks() if is_virtual(name)}
    evidence = {
        "engines": engines,
        "running": sorted(set(names))[:_MOST_NAMES],
        "networks": sorted(networks),
        "silent": silent,
    }
    if silent:
        text = f"{', '.join(silent)} runs, but does not answer"
        return [Finding("vm.containers", "warn", text, evidence)]
    if not engines:
        return [Finding("vm.containers", "pass", "no container engine and no virtual machine runs", evidence)]
    count = f", {len(set(names))} containers" if names else ""
    return [Finding("vm.containers", "pass", f"running: {', '.join(engines)}{count}", evidence)]


def running_engines(table: Iterable[Process]) -> list[str]:
    names = set()
    for process in table:
        names |= {process.name, os.path.basename(process.arguments[0]) if process.arguments else ""}
        if process.name == "limactl" and any("colima" in word for word in process.arguments):
            names.add("colima")  # Colima runs its machine by Lima
    return [engine for engine, known in _ENGINES.items() if names.intersection(known)]


def socket_of(engine: str) -> str:
    """The engine's socket; that of another machine, which DOCKER_HOST or a context may name, is not asked."""
    places = (os.path.expanduser(path) for path in _DOCKER_SOCKETS.get(engine, ()))
    return next((path for path in places if os.path.exists(path)), "")


async def _docker_names(path: str) -> list[str] | None:
    """Names of running containers; None when the engine does not answer in time. `docker ps --format json`
    writes an object a line: docs.docker.com/reference/cli/docker/container/ls."""
    ran = await tools.run(
        *("docker", "--host", f"unix://{path}", "ps", "--format", "{{json .}}"), timeout_s=_DOCKER_TIMEOUT_S
    )
    if ran.missing:
        return []
    return None if ran.status is None else parse_docker(ran.text)


def parse_docker(text: str) -> list[str]:
    names = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and isinstance(row.get("Names"), str):
            names.append(row["Names"])
    return names


def _podman_names(table: Iterable[Process]) -> list[str]:
    """From the arguments of each container's monitor, conmon(8): `-n NAME`. Podman itself is not asked: for a
    user who never used it, it would set up its storage."""
    found = []
    for process in table:
        words = process.arguments
        if process.name == "conmon" and "-n" in words[:-1]:
            found.append(words[words.index("-n") + 1])
    return found


# Interfaces that engines make: Docker's and its bridges, Podman, CNI, libvirt, LXD, VirtualBox, VMware, and
# those of macOS' vmnet (bridge100 and up), which Tart, UTM and others use.
_VIRTUAL = re.compile(
    r"docker\d|br-[0-9a-f]{12}|podman\d|cni|virbr|lxcbr|lxdbr|incusbr|vboxnet|vmnet|vmenet|bridge1\d\d|tap\d"
)


def is_virtual(interface: str) -> bool:
    return _VIRTUAL.match(interface) is not None


async def _overlap(context: Context) -> list[Finding]:
    """Evidence: overlaps [{network, interface, with}]: an address on the way (API or proxy, nameserver,
    gateway) or a network of another interface that lies inside the network of a virtual one."""
    found = interfaces.networks()
    virtual = [(name, net) for name, net in found if is_virtual(name)]
    if not virtual:
        return [Finding("vm.overlap", "pass", "no network of a virtual machine", {"overlaps": []})]
    others = [(name, net) for name, net in found if not is_virtual(name)]
    own = {str(one.ip) for _, one in interfaces.listed()}
    servers = [one.address for one in await nameservers.configured(context.facts)]
    route = context.configuration.route
    first_hop = "the proxy" if route and route.proxy else "the API"
    way = dict.fromkeys(context.value("dns.system", "addresses") or (), first_hop)
    way |= dict.fromkeys(servers, "the nameserver")
    gateway = await interfaces.gateway(context.facts)
    if gateway:
        way[gateway] = "the gateway"
    overlaps = []
    for name, net in virtual:
        hit = [f"{what} {ip}" for ip, what in way.items() if ip not in own and within(ip, net)]
        hit += [f"{other} {near}" for other, near in others if interfaces.overlap(near, net)]
        overlaps += [{"network": str(net), "interface": name, "with": what} for what in hit]
    if overlaps:
        first = overlaps[0]
        text = f"the network of {first['interface']}, {first['network']}, covers {first['with']}"
        return [Finding("vm.overlap", "warn", text, {"overlaps": overlaps})]
    text = "no network of a virtual machine is in the way"
    return [Finding("vm.overlap", "pass", text, {"overlaps": []})]


def within(address: str, net: interfaces.Network) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]) in net
    except ValueError:
        return False


async def _inside(context: Context) -> list[Finding]:
    """Evidence: kind (docker, podman, lxc…), dns (nameservers), docker_dns (whether that is Docker's own),
    gateway (of the default route, None without one)."""
    servers = [one.address for one in await nameservers.configured(context.facts)]
    gateway = await interfaces.gateway(context.facts)
    evidence: dict[str, Any] = {
        "kind": context.facts.container,
        "dns": servers,
        "docker_dns": "127.0.0.11" in servers,
        "gateway": gateway,
    }
    if not gateway:
        return [Finding("container.network", "warn", "this container has no way out", evidence)]
    if not servers:
        return [Finding("container.network", "warn", "this container has no nameserver", evidence)]
    by = "Docker's own nameserver" if evidence["docker_dns"] else f"nameserver {servers[0]}"
    text = f"{context.facts.container} container, gateway {gateway}, {by}"
    return [Finding("container.network", "pass", text, evidence)]


def _no_tart(context: Context) -> str:
    return "" if context.facts.has("tart") else "Tart is not installed"


def _no_container(context: Context) -> str:
    return "" if context.facts.container else "this is not a container"


PROBES = (
    Probe("vm.tart", "VMs and containers", _tart, absent=_no_tart, deadline_s=2.5, spare=always),
    Probe("vm.containers", "VMs and containers", _containers, deadline_s=2.5, later=True, spare=always),
    Probe("vm.overlap", "VMs and containers", _overlap, ("dns.system?",), deadline_s=2.0, later=True),
    Probe("container.network", "VMs and containers", _inside, absent=_no_container, deadline_s=2.0),
)
