"""Signing in again: only when the network works and a fresh process is not signed in either.

`claude auth status`, a process of its own, renews a login that has only expired (measured, 2.1.330), which
the running client may have missed. `claude auth login` asks the user, in a terminal of its own:
cc_guard.remedies.login_run. The token is the client's: it is never read, printed or copied here.
"""

import json
from collections.abc import Mapping

from cc_guard.diagnose import client, tools
from cc_guard.diagnose.probe import Context
from cc_guard.remedies import proof
from cc_guard.remedies.remedy import Plan, Remedy, Step, Unfit, everywhere
from cc_guard.remedies.world import World

_STATUS_S = 15.0  # it may go to the network
_LOGIN_S = 600.0
_RESTART = "client.restart"


async def _plan(world: World) -> Plan:
    settings = world.configuration.settings
    keys = [name for name in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY") if name in settings]
    if keys:
        raise Unfit(
            f"{keys[0]} ({settings[keys[0]].source}) is used instead of a login, and only you can change it"
        )
    if not await proof.path_is_good(world):
        raise Unfit("the API is not reached: a new login would fail as well")
    program = client.program(Context(world.environ, world.cwd, world.facts, world.configuration))
    if not program:
        raise Unfit("Claude Code is not installed here")
    if await is_signed_in(program, world.environ) and _RESTART not in world.tried:
        raise Unfit("a fresh process is signed in: the running one has to be started again")
    text = "Signs in again: a page opens in your browser, and a code from it may have to be pasted."
    return Plan(
        text, (Step((program, "auth", "login"), deadline_s=_LOGIN_S),), check=(f"{program} auth status",)
    )


async def is_signed_in(program: str, environ: Mapping[str, str]) -> bool | None:
    """What a new process says; None when it does not answer."""
    ran = await tools.run(program, "auth", "status", "--json", timeout_s=_STATUS_S, environ=environ)
    try:
        return bool(json.loads(ran.text)["loggedIn"])
    except (ValueError, KeyError, TypeError):
        return None


REMEDY = Remedy(
    "auth.login",
    "Sign in again",
    "Runs `claude auth login` beside the session, and shows you its page and its questions.",
    ("auth.expired", "auth.invalid"),
    everywhere(2),
    _plan,
    policy="ask",
    by_guard=True,
)
