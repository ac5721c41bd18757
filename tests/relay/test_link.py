"""The link between relay and guard: frames, and a copy that is dropped rather than waited for."""

import contextlib
import os
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_guard.relay import link
from cc_guard.relay.link import Decoder, GuardLink, frame

FRAMES = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=300)))


@given(FRAMES, st.lists(st.integers(1, 40)))
def test_frames_survive_any_cut(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(frame(kind, payload) for kind, payload in frames)
    decoder, found, at = Decoder(), [], 0
    for cut in [*cuts, len(stream)]:
        found += decoder.feed(stream[at : at + cut])
        at += cut
    assert found == frames


@given(st.lists(st.binary()))
def test_any_bytes_are_frames_or_a_broken_peer(pieces: list[bytes]) -> None:
    decoder = Decoder()
    for piece in pieces:
        try:
            decoder.feed(piece)
        except ValueError:
            return


def test_a_frame_that_is_too_large() -> None:
    decoder = Decoder()
    decoder.feed(link.HEADER.pack(link.NOTICE, link.FRAME_LIMIT))
    with pytest.raises(ValueError, match="frame of"):
        Decoder().feed(link.HEADER.pack(link.NOTICE, link.FRAME_LIMIT + 1))


class Ends:
    """Both ends of a link; `guard()` is what the guard has read so far."""

    def __init__(self) -> None:
        relay_reads, self.guard_writes = os.pipe()
        self.guard_reads, relay_writes = os.pipe()
        os.set_blocking(self.guard_reads, False)
        self.relay = GuardLink(relay_reads, relay_writes)
        self._decoder = Decoder()
        self.frames: list[tuple[int, bytes]] = []

    def guard(self, size: int = 1 << 20) -> list[tuple[int, bytes]]:
        with contextlib.suppress(BlockingIOError):
            self.frames += self._decoder.feed(os.read(self.guard_reads, size))
        return self.frames

    def all(self) -> list[tuple[int, bytes]]:
        """Everything, once the relay has nothing more to say."""
        for _ in range(1000):
            self.relay.flush()
            before = len(self.frames)
            self.guard()
            if len(self.frames) == before and not self.relay.queued:
                break
        return self.frames

    def close(self) -> None:
        self.relay.close()
        for fd in (self.guard_writes, self.guard_reads):
            if fd >= 0:
                os.close(fd)


@pytest.fixture
def ends() -> Iterator[Ends]:
    opened = Ends()
    yield opened
    opened.close()


def test_output_and_events_in_order(ends: Ends) -> None:
    ends.relay.output(b"one", 3)
    ends.relay.send(link.EVENT, b"held 3")
    ends.relay.output(b"two", 6)
    assert ends.all() == [(link.OUTPUT, b"one"), (link.EVENT, b"held 3"), (link.OUTPUT, b"two")]


def test_a_slow_guard_loses_output_and_knows_where_it_is(ends: Ends) -> None:
    piece = bytes(50_000)
    for n in range(1, 21):
        ends.relay.output(piece, n * len(piece))
        ends.relay.flush()
        ends.relay.send(link.EVENT, b"event %d" % n)
    assert ends.relay.queued <= 2 * link.QUEUE_LIMIT
    frames = ends.all()
    assert [payload for kind, payload in frames if kind == link.EVENT] == [
        b"event %d" % n for n in range(1, 21)
    ]
    assert frames[-1] == (link.STALE, link.OFFSET.pack(20 * len(piece))), "also when nothing follows"
    ends.relay.output(b"more", 20 * len(piece) + 4)
    assert ends.all()[-1] == (link.OUTPUT, b"more")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["output", "flush", "read", "event"]), st.integers(1, 120_000)), max_size=60
    )
)
def test_what_arrives_is_right_whatever_is_dropped(steps: list[tuple[str, int]]) -> None:
    ends = Ends()
    try:
        output, events = bytearray(), 0
        for step, size in steps:
            if step == "output":
                data = bytes((len(output) + n) % 251 for n in range(size % 40_000))
                output += data
                ends.relay.output(data, len(output))
            elif step == "flush":
                ends.relay.flush()
            elif step == "read":
                ends.guard(size)
            else:
                events += 1
                ends.relay.send(link.EVENT, b"%d" % events)
            assert ends.relay.queued <= 2 * link.QUEUE_LIMIT
        offset = 0
        for kind, payload in ends.all():
            if kind == link.OUTPUT:
                assert output[offset : offset + len(payload)] == payload
                offset += len(payload)
            elif kind == link.STALE:
                (now,) = link.OFFSET.unpack(payload)
                assert now > offset
                offset = now
        assert offset == len(output)
        assert sum(kind == link.EVENT for kind, _ in ends.frames) == events
    finally:
        ends.close()


def test_to_a_guard_that_reads_nothing_nothing_more_is_said(ends: Ends) -> None:
    for _ in range(100_000):
        ends.relay.send(link.KEY, link.TIME.pack(1.0))
    ends.relay.flush()
    assert ends.relay.queued <= 2 * link.QUEUE_LIMIT


def test_the_guard_is_gone(ends: Ends) -> None:
    os.close(ends.guard_reads)
    os.close(ends.guard_writes)
    ends.guard_reads = ends.guard_writes = -1
    assert ends.relay.receive() == []
    assert ends.relay.closed
    ends.relay.output(b"x", 1)
    ends.relay.flush()
    assert ends.relay.queued == 0
    ends.relay.close()


def test_a_guard_that_talks_nonsense_is_gone_too(ends: Ends) -> None:
    os.write(ends.guard_writes, b"\xff" * 100)
    assert ends.relay.receive() == []
    assert ends.relay.closed
