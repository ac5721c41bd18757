"""Name servers that are silent for a while: a path is good again as soon as one answers."""

import asyncio
import socket
import threading
import time
from typing import Any

import pytest

from cc_guard.probe import names
from cc_guard.probe.path import check_path
from cc_guard.probe.route import Route
from tests.support.peers import Peer, closed_port, silent, status


def test_look_ups_without_an_answer_do_not_keep_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than asyncio has threads for look-ups; each would last as long as the system's."""
    real, release = socket.getaddrinfo, threading.Event()
    asked: list[str] = []

    def look_up(host: Any, *more: Any, **named: Any) -> Any:
        asked.append(str(host))
        if len(asked) <= 40:
            release.wait(20)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return real(host, *more, **named)

    async def scenario(route: Route) -> float:
        results = await asyncio.gather(*(check_path(route, 0.2) for _ in range(40)))
        assert {result.ok for result in results} == {False}
        began = time.monotonic()
        assert (await check_path(route, 5.0)).ok
        return time.monotonic() - began

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        with Peer(status(404)) as api:
            assert asyncio.run(scenario(Route("localhost", api.port, False))) < 2
    finally:
        release.set()


def test_they_are_not_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def look_up(*_: Any, **__: Any) -> Any:
        release.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    async def scenario() -> None:
        before = threading.active_count()
        await asyncio.gather(*(check_path(Route("localhost", 1, False), 0.1) for _ in range(200)))
        assert threading.active_count() - before <= 64

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        asyncio.run(scenario())
    finally:
        release.set()
        time.sleep(0.2)


def rows(*addresses: str) -> list[Any]:
    return [
        (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0))
        for one in addresses
    ]


def test_both_families_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rows("2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.1")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    ordered = asyncio.run(names.addresses("api.example"))
    assert ordered == ["2001:db8::1", "192.0.2.1", "2001:db8::2"]


def test_an_address_that_is_silent_does_not_keep_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's own connection would wait for two minutes."""
    with Peer(status(404)) as api, socket.create_server(("127.0.0.9", api.port), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())  # from now on its queue is full, and it drops what comes
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows("127.0.0.9", "127.0.0.1"))
        began = time.monotonic()
        result = asyncio.run(check_path(Route("api.example", api.port, False), 5.0))
        for one in waiting:
            one.close()
    assert result.ok, result
    assert time.monotonic() - began < 3


def test_the_error_is_the_first_addresss(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not a list of all of them in Python's words."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows("127.0.0.1", "127.0.0.9"))
    with closed_port() as port:
        result = asyncio.run(check_path(Route("api.example", port, False), 5.0))
    assert (result.ok, result.stage, result.detail) == (False, "connect", "Connection refused")


def test_a_cancelled_probe_leaves_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(port: int) -> None:
        probe = asyncio.create_task(check_path(Route("127.0.0.1", port, False), 5.0))
        await asyncio.sleep(0.2)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        await asyncio.sleep(0.1)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with Peer(silent) as api:
        asyncio.run(scenario(api.port))
