"""Remedies where the network is really broken: each heals it, and is taken back exactly.

What a remedy changes is compared over all settings of the network, also after kill -9 of the process that
made the change, at moments that differ from run to run: `python -m tests.proofs.undo` has the long form.
"""

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import unavailable
from tests.fakes import put
from tests.netns.caching import remembering
from tests.netns.namespaces import Namespace, SetupError, missing
from tests.netns.servers import API_4, Certificates
from tests.proofs.undo import killed_once, leftovers
from tests.support.client import InstallError, client_home, installed
from tests.support.undoing import Here, machine

pytestmark = pytest.mark.timeout(600)

RUNS = 10
NOBODY = "10.99.0.1"  # such as a portal or VPN of an hour ago gave


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    if reason := missing():
        pytest.skip(reason)
    return Certificates()


@contextmanager
def broken(scenario: str, certificates: Certificates, folder: Path) -> Iterator[Here]:
    try:
        with machine(folder, certificates, scenario) as here:
            yield here
    except SetupError as error:
        unavailable(str(error))


def healed_and_undone(here: Here, cause: str, remedy: str, **request: Any) -> None:
    """The fault is there, the remedy heals it, and afterwards everything is as it was, the fault, too."""
    before = here.state()
    assert here.doctor() == cause
    with here.session() as session:
        process = here.start(remedy, session, cause=cause, **request)
        out, err = process.communicate(timeout=120)
        assert b'"status": "ok"' in out, out + err
        assert b'"helped": true' in out
        assert here.doctor() == ""
        assert here.differences(before)
        assert len(here.entries()) == 1
        status, told = here.restore()
        assert (status, len(told["held"])) == (0, 1)  # of a session that lives
        assert len(here.entries()) == 1
    status, told = here.restore()
    assert (status, [row["outcome"] for row in told["restored"]]) == (0, ["undone"])
    assert here.differences(before) == []
    assert here.entries() == []


def test_ports(certificates: Certificates, tmp_path: Path) -> None:
    """All 300 of them in TIME_WAIT."""
    with broken("ports_exhausted", certificates, tmp_path) as here:
        healed_and_undone(here, "ports.exhausted", "ports.widen")


def test_ipv6_that_resets(certificates: Certificates, tmp_path: Path) -> None:
    with broken("ipv6_resets", certificates, tmp_path) as here:
        healed_and_undone(here, "ipv6.broken", "ipv6.prefer_v4")
        assert here.doctor() == "ipv6.broken"


@pytest.mark.client
def test_the_client_itself_takes_ipv4(certificates: Certificates, tmp_path: Path) -> None:
    """Which does not fall back from an IPv6 that connects and then resets, but does from one without a
    way."""
    (tmp_path / "machine").mkdir()
    (tmp_path / "work").mkdir()
    try:
        claude = installed("2.1.330")
    except InstallError as error:
        unavailable(str(error))
    with broken("ipv6_first_resets", certificates, tmp_path / "machine") as here:
        ca = tmp_path / "machine" / "ca.pem"
        environ = client_home(tmp_path, "2.1.330", tmp_path / "work", "https://api.anthropic.com", ca)
        environ["CLAUDE_CODE_MAX_RETRIES"] = "1"

        def asked() -> str:
            argv = [*here.place.before, str(claude), "-p", "hi"]
            done = subprocess.run(
                argv,
                env=environ,
                cwd=tmp_path / "work",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=300,
            )
            return done.stdout

        assert "ECONNRESET" in asked()
        with here.session() as session:
            here.start("ipv6.prefer_v4", session, cause="ipv6.broken").communicate(timeout=120)
            answer = asked()
            assert "ECONNRESET" not in answer
            assert "model" in answer  # the API's word: 404 for a message, from whoever has no key
        assert here.restore()[0] == 0
        assert "ECONNRESET" in asked()


def test_ipv6_that_leads_nowhere(certificates: Certificates, tmp_path: Path) -> None:
    with broken("ipv6_black_hole", certificates, tmp_path) as here:
        healed_and_undone(here, "ipv6.broken", "ipv6.prefer_v4")


def test_packets_that_are_too_large(certificates: Certificates, tmp_path: Path) -> None:
    with broken("mtu_black_hole", certificates, tmp_path) as here:
        _no_offload(here)
        healed_and_undone(here, "mtu.blackhole", "mtu.lower", parameters={"mtu": {"bytes": 1280}})
        assert here.doctor() == "mtu.blackhole"


def _no_offload(here: Here) -> None:
    """Else the wire carries several packets as one, which no real one does."""
    subprocess.run([*here.place.before, "ip", "link", "set", "dev", "wire", "gso_max_segs", "1"], check=True)


def test_a_smaller_mtu_of_ipv6_comes_back_too(certificates: Certificates, tmp_path: Path) -> None:
    """That a router announced, and the kernel forgets when the device's own changes."""
    with broken("mtu_black_hole", certificates, tmp_path) as here:
        _no_offload(here)
        subprocess.run([*here.place.before, "sysctl", "-qw", "net.ipv6.conf.wire.mtu=1400"], check=True)
        healed_and_undone(here, "mtu.blackhole", "mtu.lower", parameters={"mtu": {"bytes": 1280}})


def test_what_does_not_help_is_taken_back_at_once(certificates: Certificates, tmp_path: Path) -> None:
    """1350 bytes are still too many here."""
    with broken("mtu_black_hole", certificates, tmp_path) as here:
        _no_offload(here)
        before = here.state()
        answer = here.run("mtu.lower", cause="mtu.blackhole", parameters={"mtu": {"bytes": 1350}})
        assert (answer["status"], answer["helped"], answer["undo"]) == ("failed", False, None)
        assert here.differences(before) == []
        assert here.entries() == []


def test_a_name_that_is_remembered_wrongly(certificates: Certificates, tmp_path: Path) -> None:
    """A resolver of this machine has an old address in its cache. The cache is real, and so is what empties
    it; `resolvectl` is a fake that tells this resolver, and not systemd's."""
    with broken("healthy", certificates, tmp_path) as here:
        cache = tmp_path / "cache"
        cache.write_text(NOBODY)
        name = here.place.before[here.place.before.index("exec") + 1]
        there = Namespace(name)
        there.etc(resolv_conf="nameserver 127.0.0.53\nnameserver 10.77.0.2\n")
        put_beside(here, "resolvectl")
        here.environ["FAKE_RESOLVED"] = str(cache)
        with remembering(there, cache):
            before = here.state()
            assert here.doctor() == "dns.sinkhole"
            answer = here.run("dns.flush", cause="dns.sinkhole", consent=False)
            assert (answer["status"], answer["helped"]) == ("ok", True)
            assert [Path(row["argv"][0]).name for row in answer["commands"]] == ["resolvectl"]
            assert here.doctor() == ""
            assert here.differences(before) == []


def put_beside(here: Here, name: str) -> None:
    (here.folder / "bin" / name).symlink_to(put(here.folder / "more", name) / name)


def test_the_machine_is_the_cause(certificates: Certificates, tmp_path: Path) -> None:
    """The API is out of reach as long as the virtual machine runs: by a watcher that cuts the way."""
    with broken("healthy", certificates, tmp_path) as here, _cut_while_it_runs(here):
        answer = here.run("tart.suspend", cause="vm.interference")
        assert (answer["status"], answer["helped"]) == ("ok", True), answer
        assert here.machine() == "suspended"
        assert here.restore()[0] == 0
        assert here.machine() == "running"


@contextmanager
def _cut_while_it_runs(here: Here) -> Iterator[None]:
    done = threading.Event()

    def route(does: str) -> None:
        argv = [*here.place.before, "ip", "route", does, "unreachable", f"{API_4}/32"]
        subprocess.run(argv, capture_output=True)
        subprocess.run([*argv[:-1], "2607:6bc0::10/128"], capture_output=True)

    def watch() -> None:
        while not done.is_set():
            route("add" if here.machine() == "running" else "del")
            done.wait(0.05)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(30)


def test_the_machine_is_not_the_cause(certificates: Certificates, tmp_path: Path) -> None:
    with broken("no_route", certificates, tmp_path) as here:
        answer = here.run("tart.suspend", cause="vm.interference")
        assert (answer["status"], answer["helped"], answer["undo"]) == ("failed", False, None), answer
        assert here.machine() == "running"
        assert here.entries() == []


def test_another_namespace_is_left_alone(certificates: Certificates, tmp_path: Path) -> None:
    """The same home, the same start of the machine, but not where the change was made."""
    with broken("healthy", certificates, tmp_path) as here:
        here.run("ports.widen")
        argv = [sys.executable, "-P", "-m", "cc_guard", "restore"]
        ours = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
        done = subprocess.run(argv, env=here.environ, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        assert "another network namespace" in done.stdout
        assert Path("/proc/sys/net/ipv4/ip_local_port_range").read_text() == ours
        assert len(here.entries()) == 1
        assert here.restore()[0] == 0
        assert here.entries() == []


def test_killed_at_random_moments(certificates: Certificates, tmp_path: Path) -> None:
    seed = int(os.environ.get("CC_GUARD_TEST_SEED") or random.randrange(10**6))
    chance = random.Random(seed)
    with broken("healthy", certificates, tmp_path) as here:
        before = here.state()
        for number in range(RUNS):
            run = killed_once(here, chance)
            assert leftovers(here, before) == [], f"seed {seed}, run {number}: {run}"
