"""Whether it helped: asked of the network itself, never of the client's screen."""

import asyncio
import time

from cc_guard.probe.path import check_path
from cc_guard.remedies.remedy import Proof
from cc_guard.remedies.world import World

_PATH_S = 2.0
_PAUSE_S = 0.3


async def helped(world: World, proof: Proof, patience_s: float) -> bool | None:
    """None when it can't be told. Asks again until `patience_s` are over."""
    if not proof:
        return None
    end = time.monotonic() + patience_s
    while True:
        good = await (path_is_good(world) if proof == "path" else cause_is_gone(world))
        if good is not False or time.monotonic() > end:
            return good
        await asyncio.sleep(_PAUSE_S)


async def path_is_good(world: World) -> bool | None:
    """Whether a request over the configured route gets any answer."""
    route = world.configuration.route
    return None if route is None else (await check_path(route, _PATH_S)).ok


async def cause_is_gone(world: World) -> bool | None:
    """Whether the API answers, and the doctor no longer finds the cause."""
    from cc_guard.commands.doctor import diagnose

    if world.configuration.route is None:
        return None
    findings, verdict, _ = await diagnose(world.environ, extra_settings=world.settings)
    answers = any(f.probe == "http.api" and f.evidence.get("status") is not None for f in findings)
    return answers and (verdict.cause is None or verdict.cause != world.cause)
