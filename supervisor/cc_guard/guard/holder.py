"""Getting the client stopped between two frames, and keeping the lease."""

import asyncio
from collections.abc import Callable

from cc_guard.guard.relay_port import RelayPort
from cc_guard.screen.frames import Frames

_RENEW_S = 1.0
_DRAIN_S = 0.03  # what the client wrote just before it stopped arrives within this


class Holder:
    """`on_held()` once the client is stopped and its last frame is whole. `allowed()` says whether this is
    a moment to stop it: waiting for its next attempt, nothing under way."""

    def __init__(
        self,
        port: RelayPort,
        frames: Frames,
        release_key: int,
        allowed: Callable[[], bool],
        on_held: Callable[[], None],
    ) -> None:
        self._port = port
        self._frames = frames
        self._release_key = release_key
        self._allowed = allowed
        self._on_held = on_held
        self._wanted = False
        self._asked = False
        self._held = False
        self._renewal: asyncio.Task[None] | None = None

    def want(self) -> None:
        self._wanted = True
        self.attempt()

    def cancel(self) -> None:
        """Let the client go, or give up asking."""
        self._wanted = False
        self._stop_renewing()  # so that the hold ends even if this word is lost
        if self._held or self._asked:
            self._port.release()

    def attempt(self) -> None:
        """Ask the relay if this is the moment; called at every frame while a hold is wanted."""
        if not self._wanted or self._asked or self._held:
            return
        if self._frames.complete and not self._frames.stale and self._allowed():
            self._asked = True
            self._port.hold(self._frames.offset, self._release_key)

    def refused(self) -> None:
        self._asked = False

    def started(self) -> None:
        self._asked = False
        self._held = True
        if not self._wanted:
            self._port.release()
            return
        self._renewal = asyncio.get_running_loop().create_task(self._keep())
        asyncio.get_running_loop().call_later(_DRAIN_S, self._check)

    def ended(self) -> None:
        self._held = self._asked = False
        self._stop_renewing()

    def _check(self) -> None:
        if not self._held or not self._wanted:
            return
        if self._frames.complete:
            self._on_held()
        else:
            self._stop_renewing()
            self._port.release()  # stopped inside a frame: the terminal would show half a picture

    def _stop_renewing(self) -> None:
        if self._renewal:
            self._renewal.cancel()
            self._renewal = None

    async def _keep(self) -> None:
        while True:
            self._port.renew()
            await asyncio.sleep(_RENEW_S)
