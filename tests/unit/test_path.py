"""The path probe against real servers on loopback: each fault is a result, and none an exception."""

import asyncio
import gc
import os
import re
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cc_guard.probe import path as path_module
from cc_guard.probe.path import PathResult, check_path
from cc_guard.probe.route import Proxy, Route, effective_route
from tests.support.peers import (
    Peer,
    answers,
    closed_port,
    connect_proxy,
    head,
    resets,
    says,
    silent,
    status,
)

# What the probe leaves behind, such as an open socket, is an error here.
pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.timeout(60)]

PATIENCE_S = 20.0  # for what must end by itself
SHORT_S = 0.4  # for what must run into its timeout


def probe(route: Route, timeout_s: float = PATIENCE_S) -> PathResult:
    """One probe in a loop of its own, after which no task of it is left."""

    async def run() -> PathResult:
        result = await check_path(route, timeout_s)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    return asyncio.run(run())


def direct(peer: Peer, tls: bool = False) -> Route:
    return Route("127.0.0.1", peer.port, tls)


def via(proxy: Peer, tls: bool = True, proxy_tls: bool = False, host: str = "api.example.test") -> Route:
    return Route(host, 443 if tls else 80, tls, Proxy("127.0.0.1", proxy.port, proxy_tls))


@pytest.fixture(scope="module")
def certificate() -> ssl.SSLContext:
    """Of a CA that nobody knows, and for another name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("unrelated.test").configure_cert(context)
    return context


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    """Where the system can tell."""

    def count() -> int:
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    before = count()
    yield
    gc.collect()
    assert count() <= before


# Somebody answers


@pytest.mark.parametrize("code", [200, 204, 301, 401, 404, 429, 500, 503, 529])
def test_any_http_status_means_reachable(code: int) -> None:
    """What the API thinks of a request without credentials is not the question."""
    with Peer(status(code)) as api:
        result = probe(direct(api))
    assert (result.ok, result.stage, result.http_status) == (True, "http", code)
    assert result.detail == f"HTTP {code}"
    assert 0 < result.ms < PATIENCE_S * 1000


def test_tls_with_a_certificate_nobody_knows(certificate: ssl.SSLContext) -> None:
    """Whom the client trusts is its own matter."""
    with Peer(status(404), certificate) as api:
        result = probe(direct(api, tls=True))
    assert (result.ok, result.stage, result.http_status) == (True, "http", 404)


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_gateway_that_wants_a_client_certificate(newest: ssl.TLSVersion) -> None:
    """The client has one (CLAUDE_CODE_CLIENT_CERT), a probe does not: it is refused, so somebody is there."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    context.verify_mode = ssl.CERT_REQUIRED
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.configure_trust(context)
    with Peer(status(200), context) as api:
        result = probe(direct(api, tls=True))
    assert result.ok
    assert result.http_status is None


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200\r\n\r\n", b"HTTP/1.0 200 OK\n", b"HTTP/1.1 200 broken o"])
def test_a_status_is_enough(answer: bytes) -> None:
    with Peer(answers(answer)) as api:
        assert probe(direct(api)).http_status == 200


# Nobody answers, or nobody who speaks HTTP


def test_a_closed_port() -> None:
    with closed_port() as port:
        result = probe(Route("127.0.0.1", port, False))
    assert (result.ok, result.stage, result.detail) == (False, "connect", "Connection refused")


def test_a_reset_after_the_request() -> None:
    with Peer(resets) as api:
        result = probe(direct(api))
    assert (result.ok, result.stage) == (False, "http")
    assert result.detail == "Connection reset by peer"


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (b"", "Connection reset by peer"),
        (b"HTTP/1.1 2", "the answer broke off"),
        (b"\r\n", "the answer is not HTTP"),
        (b"\n", "the answer is not HTTP"),
        (b"   \n", "the answer is not HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 OK 200\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 2\xc2\xb20 OK\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 99999999999999999999 OK\r\n", "the answer is not HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x0a\n", "the answer is not HTTP"),
    ],
)
def test_what_is_no_answer(answer: bytes, detail: str) -> None:
    with Peer(answers(answer)) as api:
        result = probe(direct(api))
    assert not result.ok
    assert result.http_status is None
    if answer:
        assert (result.stage, result.detail) == ("http", detail)


def test_an_endless_line_has_an_end() -> None:
    with Peer(answers(b"HTTP/1.1 200 " + b"x" * 300_000)) as api:
        result = probe(direct(api))
    assert not result.ok


@pytest.mark.parametrize("tls", [False, True])
def test_a_server_that_accepts_and_says_nothing(tls: bool) -> None:
    start = time.monotonic()
    with Peer(silent) as api:
        result = probe(direct(api, tls), timeout_s=SHORT_S)
        assert time.monotonic() - start >= SHORT_S
        assert api.accepted == 1
    assert (result.ok, result.stage) == (False, "tls" if tls else "http")
    assert result.detail == f"no answer in {SHORT_S:g} s"


def test_tls_to_a_server_without_tls() -> None:
    with Peer(says([b"HTTP/1.1 400 Bad Request\r\n\r\n"])) as api:
        result = probe(direct(api, tls=True))
    assert (result.ok, result.stage) == (False, "tls")


def test_no_tls_to_a_server_with_tls(certificate: ssl.SSLContext) -> None:
    with Peer(status(200), certificate) as api:
        assert not probe(direct(api)).ok


def test_a_name_that_does_not_resolve() -> None:
    """RFC 2606 keeps `.invalid` free of names; the system's resolver may also be silent here."""
    result = probe(Route("api.invalid", 443, True), timeout_s=3)
    assert not result.ok
    assert result.stage in ("resolve", "connect")


@pytest.mark.parametrize("host", ["a" * 70 + ".test", "a..b", "\x00", "", "%", "256.256.256.256", "x" * 5000])
def test_a_name_that_cannot_be_one(host: str) -> None:
    assert not probe(Route(host, 443, True), timeout_s=3).ok


def test_a_port_that_cannot_be_one() -> None:
    assert not probe(Route("127.0.0.1", 70_000, False)).ok


# Through a proxy


def test_plain_http_through_a_proxy_names_the_whole_url() -> None:
    """RFC 9112, section 3.2.2: absolute-form. It is also what 2.1.330 sends."""
    seen: list[bytes] = []
    with Peer(status(200, seen)) as proxy:
        result = probe(via(proxy, tls=False))
    assert result.ok
    assert seen[0].startswith(b"HEAD http://api.example.test/ HTTP/1.1\r\nHost: api.example.test\r\n")


@pytest.mark.parametrize("proxy_tls", [False, True], ids=["http-proxy", "https-proxy"])
def test_https_through_a_tunnel(certificate: ssl.SSLContext, proxy_tls: bool) -> None:
    asked: list[bytes] = []
    seen: list[bytes] = []
    with (
        Peer(status(404, seen), certificate) as api,
        Peer(connect_proxy(api.port, asked), certificate if proxy_tls else None) as proxy,
    ):
        result = probe(via(proxy, proxy_tls=proxy_tls))
    assert (result.ok, result.stage, result.http_status) == (True, "http", 404)
    assert asked[0].startswith(b"CONNECT api.example.test:443 HTTP/1.1\r\nHost: api.example.test:443\r\n")
    assert seen[0].startswith(b"HEAD / HTTP/1.1\r\nHost: api.example.test\r\n")


def test_an_ipv6_address_in_a_tunnel_has_brackets() -> None:
    asked: list[bytes] = []
    with Peer(status(403, asked)) as proxy:
        probe(via(proxy, host="fd00::5"))
    assert asked[0].startswith(b"CONNECT [fd00::5]:443 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("code", "ok"),
    [(407, True), (403, True), (302, True), (502, False), (503, False), (504, False)],
)
def test_a_proxy_that_does_not_open_the_tunnel(code: int, ok: bool) -> None:
    """4xx is the proxy's rule, or its wish for credentials that a probe does not send: the client's way to it
    is good. 5xx says that the way from it is not."""
    with Peer(status(code)) as proxy:
        result = probe(via(proxy))
    assert (result.ok, result.stage, result.http_status) == (ok, "proxy", code)
    assert str(code) in result.detail


def test_a_proxy_that_hangs() -> None:
    with Peer(silent) as proxy:
        result = probe(via(proxy), timeout_s=SHORT_S)
    assert (result.ok, result.stage) == (False, "proxy")


def test_a_tunnel_whose_header_never_ends() -> None:
    def handler(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"x: y\r\n" * 100)

    with Peer(handler) as proxy:
        assert not probe(via(proxy), timeout_s=SHORT_S).ok


def test_a_tunnel_that_leads_nowhere() -> None:
    """The proxy says 200 and closes."""
    with Peer(status(200)) as proxy:
        result = probe(via(proxy))
    assert (result.ok, result.stage) == (False, "tls")


def test_a_dead_proxy() -> None:
    with closed_port() as port:
        result = probe(Route("api.example.test", 443, True, Proxy("127.0.0.1", port, False)))
    assert (result.ok, result.stage, result.detail) == (False, "connect", "Connection refused")


# For every path


@pytest.mark.parametrize("form", ["direct", "proxy", "tunnel"])
def test_nothing_secret_is_sent(
    form: str, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not from the environment, not from the URLs; nothing but what an HTTP request must have."""
    secret = "sk-ant-secret"
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, secret)
    seen: list[bytes] = []
    asked: list[bytes] = []
    with (
        Peer(status(404, seen), certificate if form == "tunnel" else None) as api,
        Peer(connect_proxy(api.port, asked) if form == "tunnel" else status(404, asked)) as proxy,
    ):
        scheme = "https" if form == "tunnel" else "http"
        variables = {"ANTHROPIC_BASE_URL": f"{scheme}://name:{secret}@127.0.0.1:{api.port}/{secret}?{secret}"}
        if form != "direct":
            variables["HTTPS_PROXY"] = f"http://name:{secret}@127.0.0.1:{proxy.port}"
        assert probe(effective_route(variables)).ok
    requests = seen + asked
    assert len(requests) == (2 if form == "tunnel" else 1)
    for request in requests:
        assert secret.encode() not in request
        lines = request.decode("ascii").split("\r\n")
        assert re.fullmatch(r"(HEAD|CONNECT) \S+ HTTP/1\.1", lines[0])
        assert {line.partition(":")[0] for line in lines[1:] if line} == {
            "Host",
            "User-Agent",
            "Accept",
            "Connection",
        }


def test_one_request_and_one_connection() -> None:
    seen: list[bytes] = []
    with Peer(status(200, seen)) as api:
        probe(direct(api))
        assert api.accepted == 1
    assert len(seen) == 1


def test_a_probe_that_is_cancelled_leaves_nothing() -> None:
    async def run(route: Route) -> None:
        task = asyncio.create_task(check_path(route, PATIENCE_S))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with Peer(silent) as api:
        for tls in (False, True):
            asyncio.run(run(direct(api, tls)))


def test_a_fault_that_nobody_has_thought_of_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that escaped would end the probing, and leave a paused client to its lease."""

    async def broken(*_: object) -> int:
        raise IndexError("surprise")

    monkeypatch.setattr(path_module, "_request", broken)
    result = probe(Route("127.0.0.1", 9, False))
    assert (result.ok, result.detail) == (False, "surprise")


garbage = st.binary(max_size=200) | st.binary(max_size=60).map(b"HTTP/1.1 ".__add__)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(garbage, max_size=3), tls=st.booleans(), proxied=st.booleans())
def test_whatever_the_server_says(parts: list[bytes], tls: bool, proxied: bool) -> None:
    with Peer(says(parts)) as peer:
        result = probe(via(peer, tls) if proxied else direct(peer, tls), timeout_s=5)
    assert isinstance(result.detail, str)
    assert result.detail
    assert result.http_status is None or 100 <= result.http_status <= 599
    if result.ok:
        assert b"HTTP/" in b"".join(parts)


def test_the_context_knows_no_cas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the system's certificates costs 20 ms of CPU for each of two probes a second."""
    loaded: list[object] = []
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *a: loaded.append(a))
    path_module._unverified()
    assert loaded == []


def test_the_module_reads_no_file(tmp_path: Path) -> None:
    """The route is given: no environment, no settings are looked at here."""
    source = Path(path_module.__file__).read_text()
    assert "environ" not in source
    assert "open(" not in source.replace("open_connection(", "")
