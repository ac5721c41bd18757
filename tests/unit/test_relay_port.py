"""The guard's end of the link: each wish is one whole frame, also one that the pipe takes in parts."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from cc_guard.guard.relay_port import RelayPort, words
from cc_guard.relay import link


class Relay:
    """The other end, which reads when it is told to."""

    def __init__(self) -> None:
        reads, self.write_fd = os.pipe()
        self.read_fd, writes = os.pipe()
        os.set_blocking(self.read_fd, False)
        self._decoder = link.Decoder()
        self.frames: list[tuple[int, bytes]] = []
        self.heard: list[tuple[int, bytes]] = []
        self.closed = 0
        self.port = RelayPort(
            (reads, writes), lambda kind, payload: self.heard.append((kind, payload)), self._close
        )

    def _close(self) -> None:
        self.closed += 1

    def take(self, size: int = 1 << 20) -> None:
        with suppress(BlockingIOError):
            self.frames += self._decoder.feed(os.read(self.read_fd, size))

    async def take_all(self, count: int) -> None:
        for _ in range(2000):
            self.take()
            if len(self.frames) >= count:
                return
            await asyncio.sleep(0.001)
        raise AssertionError(self.frames)


@asynccontextmanager
async def relay() -> AsyncIterator[Relay]:
    one = Relay()
    yield one
    one.port.close()
    for fd in (one.read_fd, one.write_fd):
        with suppress(OSError):
            os.close(fd)


def run(scenario: Callable[[Relay], Awaitable[None]]) -> None:
    async def inside() -> None:
        async with relay() as one:
            await scenario(one)

    asyncio.run(inside())


def test_each_wish_has_its_frame() -> None:
    async def scenario(one: Relay) -> None:
        one.port.type_text(7, 3.0, b"continue")
        one.port.submit(8, 2.5)
        one.port.erase()
        one.port.type_draft(9, 0.5, "zwölf".encode(), bracketed=False)
        one.port.type_draft(9, 0.5, b"a\nb", bracketed=True)
        one.port.restart(["claude", "--resume", "x", "", "gr\udcfc\udcdfe"], {"A": "1=2", "B": None})
        one.port.admit(10, True)
        one.port.admit(11, False)
        await one.take_all(8)
        assert one.frames == [
            (link.TYPE, link.TYPING.pack(7, 3.0, b"t") + b"continue"),
            (link.TYPE, link.TYPING.pack(8, 2.5, b"s")),
            (link.TYPE, link.TYPING.pack(0, 0.0, b"e")),
            (link.TYPE, link.TYPING.pack(9, 0.5, b"d") + "zwölf".encode()),
            (link.TYPE, link.TYPING.pack(9, 0.5, b"p") + b"a\nb"),
            (link.RESTART, b"\0\5claude\0--resume\0x\0\0gr\xfc\xdfe\0A=1=2\0B\0"),
            (link.ADMIT, link.OFFSET.pack(10) + b"\1"),
            (link.ADMIT, link.OFFSET.pack(11) + b"\0"),
        ]

    run(scenario)


def test_a_command_line_comes_as_it_is() -> None:
    line = ["claude", "", "-p", "gr\udcfc\udcdfe", "a b\n", ""]
    assert words(b"".join(os.fsencode(word) + b"\0" for word in line)) == line
    assert words(b"") == []


def test_a_wish_that_the_pipe_takes_in_parts() -> None:
    draft = os.urandom(200_000)

    async def scenario(one: Relay) -> None:
        one.port.type_draft(1, 0.0, draft, bracketed=True)
        one.port.release()
        one.port.hold(2, 0x1D)
        await asyncio.sleep(0.01)
        await one.take_all(3)
        assert [kind for kind, _ in one.frames] == [link.TYPE, link.RELEASE, link.HOLD]
        assert one.frames[0][1].endswith(draft)
        one.port.renew()
        await one.take_all(4)
        assert one.frames[3] == (link.RENEW, b"")

    run(scenario)


def test_a_relay_that_takes_nothing() -> None:
    """What it could not take is not its next surprise; whatever it gets are whole frames."""

    async def scenario(one: Relay) -> None:
        for _ in range(300):
            one.port.type_draft(1, 0.0, bytes(10_000), bracketed=True)
            one.port.renew()
        assert len(one.port._rest) <= link.FRAME_LIMIT
        for _ in range(400):
            one.take()
            await asyncio.sleep(0)
        assert {kind for kind, _ in one.frames} == {link.TYPE, link.RENEW}
        assert all(len(payload) in (0, link.TYPING.size + 10_000) for _, payload in one.frames)
        assert not one.port._rest

    run(scenario)


@pytest.mark.parametrize("waiting", [False, True])
def test_the_relay_is_gone(waiting: bool) -> None:
    async def scenario(one: Relay) -> None:
        if waiting:
            one.port.type_draft(1, 0.0, bytes(200_000), bracketed=True)
        os.close(one.read_fd)
        os.close(one.write_fd)
        one.port.release()
        await asyncio.sleep(0.05)
        assert one.closed == 1
        one.port.restart(["claude"])
        one.port.close()
        assert one.closed == 1

    run(scenario)
