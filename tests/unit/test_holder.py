"""Getting the client stopped, and keeping it so, with a relay that obeys, refuses, or is late."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from cc_guard.guard import holder as holder_module
from cc_guard.guard.holder import Holder
from cc_guard.guard.relay_port import RelayPort
from cc_guard.screen.frames import Frames

KEY = 0x1D


class Port:
    """What the holder asks of the relay."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def hold(self, offset: int, release_key: int) -> None:
        self.words.append(f"hold {offset} {release_key:#x}")

    def renew(self) -> None:
        self.words.append("renew")

    def release(self) -> None:
        self.words.append("release")

    @property
    def asked(self) -> list[str]:
        return [word for word in self.words if word != "renew"]


class Picture:
    """What the holder looks at in the frames."""

    complete = True
    stale = False
    offset = 4711


class Case:
    def __init__(self) -> None:
        self.port = Port()
        self.picture = Picture()
        self.may = True
        self.held = 0
        self.holder = Holder(
            cast(RelayPort, self.port),
            cast(Frames, self.picture),
            KEY,
            allowed=lambda: self.may,
            on_held=self._on_held,
        )

    def _on_held(self) -> None:
        self.held += 1

    async def settle(self) -> None:
        """Longer than the drain after a stop."""
        await asyncio.sleep(holder_module._DRAIN_S * 3)

    def renewals(self) -> int:
        return self.port.words.count("renew")


@asynccontextmanager
async def case() -> AsyncIterator[Case]:
    one = Case()
    yield one
    one.holder.ended()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}, "the lease is renewed by nobody any more"


def run(scenario: Callable[[Case], object]) -> None:
    async def inside() -> None:
        async with case() as one:
            result = scenario(one)
            if asyncio.iscoroutine(result):
                await result

    asyncio.run(inside())


def test_it_asks_with_the_offset_of_the_frame_and_the_release_key() -> None:
    def scenario(one: Case) -> None:
        one.holder.want()
        assert one.port.words == ["hold 4711 0x1d"]

    run(scenario)


def test_it_asks_once() -> None:
    def scenario(one: Case) -> None:
        one.holder.want()
        one.holder.attempt()
        one.holder.want()
        assert len(one.port.words) == 1

    run(scenario)


def test_it_asks_only_at_a_good_moment_and_when_wanted() -> None:
    def scenario(one: Case) -> None:
        one.holder.attempt()
        one.picture.complete = False
        one.holder.want()
        one.picture.complete, one.picture.stale = True, True
        one.holder.attempt()
        one.picture.stale, one.may = False, False
        one.holder.attempt()
        assert one.port.words == []
        one.may = True
        one.holder.attempt()
        assert len(one.port.words) == 1

    run(scenario)


def test_refused_it_asks_again_at_the_next_frame() -> None:
    def scenario(one: Case) -> None:
        one.holder.want()
        for offset in (5000, 6000):
            one.holder.refused()
            one.picture.offset = offset
            one.holder.attempt()
        assert one.port.words == ["hold 4711 0x1d", "hold 5000 0x1d", "hold 6000 0x1d"]

    run(scenario)


def test_a_whole_picture_is_a_hold() -> None:
    async def scenario(one: Case) -> None:
        one.holder.want()
        one.holder.started()
        assert one.held == 0, "what was just written has to arrive first"
        await one.settle()
        assert one.held == 1
        assert one.renewals() >= 1
        assert "release" not in one.port.words

    run(scenario)


def test_the_lease_is_renewed_in_good_time() -> None:
    """The relay's lease is 5 s."""
    from cc_guard.relay.hold import LEASE_S

    assert holder_module._RENEW_S <= LEASE_S / 3


def test_half_a_picture_is_let_go_at_once() -> None:
    async def scenario(one: Case) -> None:
        one.holder.want()
        one.picture.complete = False
        one.holder.started()
        await one.settle()
        assert one.held == 0
        assert one.port.asked == ["hold 4711 0x1d", "release"]

    run(scenario)


def test_a_hold_that_nobody_wants_any_more_is_let_go_at_once() -> None:
    async def scenario(one: Case) -> None:
        one.holder.want()
        one.holder.cancel()
        assert one.port.asked == ["hold 4711 0x1d", "release"], "the relay may be about to stop it"
        one.holder.started()
        await one.settle()
        assert one.held == 0
        assert one.renewals() == 0

    run(scenario)


def test_a_release_that_gets_lost_costs_a_lease_and_no_more() -> None:
    """The lease is not renewed after the word was given, whatever the relay has heard."""

    async def scenario(one: Case) -> None:
        one.holder.want()
        one.holder.started()
        await one.settle()
        one.holder.cancel()
        renewed = one.renewals()
        await asyncio.sleep(holder_module._RENEW_S * 1.3)
        assert one.renewals() == renewed
        one.holder.ended()

    run(scenario)


def test_after_the_end_it_can_begin_again() -> None:
    async def scenario(one: Case) -> None:
        for _ in range(3):
            one.holder.want()
            one.holder.started()
            await one.settle()
            one.holder.cancel()
            one.holder.ended()
        assert one.held == 3
        assert one.port.asked == ["hold 4711 0x1d", "release"] * 3

    run(scenario)


def test_wanted_again_before_the_relay_has_let_go() -> None:
    """The word of the old hold's end comes first, and the machine wants again then (HoldEnded)."""

    async def scenario(one: Case) -> None:
        one.holder.want()
        one.holder.started()
        await one.settle()
        one.holder.cancel()
        one.holder.want()
        assert one.port.asked == ["hold 4711 0x1d", "release"], "not while it is still held"
        one.holder.ended()
        one.holder.want()
        assert one.port.asked == ["hold 4711 0x1d", "release", "hold 4711 0x1d"]

    run(scenario)


def test_cancel_without_anything_says_nothing() -> None:
    def scenario(one: Case) -> None:
        one.holder.cancel()
        one.holder.ended()
        assert one.port.words == []

    run(scenario)
