"""What this machine's profile lets the incident machine do."""

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cc_guard import settings_cache
from cc_guard.diagnose import facts
from cc_guard.history import History, HistoryError
from cc_guard.incident.events import Configured
from cc_guard.incident.ladder import Rung
from cc_guard.profile.resolved import Profile, effective_hold
from cc_guard.remedies.registry import all_remedies

if TYPE_CHECKING:
    from cc_guard.settings import Settings


def configured(profile: Profile, choices: "Settings", options: Mapping[str, str]) -> Configured:
    hold = effective_hold(profile.hold, choices.hold, settings_cache.explicit(dict(options)))
    return Configured(
        hold=hold.enabled and profile.policy("hold.wait") == "auto",
        hold_from=hold.after_attempt,
        nudge=profile.policy("client.nudge") == "auto",
        restart=profile.policy("client.restart") == "auto",
        rungs=_rungs(profile),
    )


def _rungs(profile: Profile) -> tuple[Rung, ...]:
    """What has helped before comes first; the ladder sorts by level and keeps this order within one."""
    here = facts.read()
    helped: Mapping[str, int] = {}
    with contextlib.suppress(HistoryError), History() as history:
        helped = history.helped()
    rungs = [
        Rung(one.id, one.level(here), profile.policy(one.id), one.causes, one.title, one.until or "session")
        for one in all_remedies()
        if one.plan is not None
    ]
    return tuple(sorted(rungs, key=lambda rung: -helped.get(rung.id, 0)))
