"""What this machine's profile lets the incident machine do."""

import contextlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cc_guard import settings_cache
from cc_guard.history import History, HistoryError
from cc_guard.incident.events import Configured
from cc_guard.incident.ladder import Rung
from cc_guard.profile.resolved import Profile, effective_hold

if TYPE_CHECKING:
    from cc_guard.settings import Settings

# The incident machine has its own rules for when these are due.
_ITS_OWN = ("hold.wait", "client.nudge", "client.restart")


def configured(
    profile: Profile, remedies: Iterable[Mapping[str, Any]], choices: "Settings", options: Mapping[str, str]
) -> Configured:
    """`remedies` are rows of cc_guard.remedies.ask.remedies()."""
    hold = effective_hold(profile.hold, choices.hold, settings_cache.explicit(dict(options)))
    return Configured(
        hold=hold.enabled and profile.policy("hold.wait") == "auto",
        hold_from=hold.after_attempt,
        nudge=profile.policy("client.nudge") == "auto",
        restart=profile.policy("client.restart") == "auto",
        rungs=_rungs(profile, remedies),
    )


def _rungs(profile: Profile, remedies: Iterable[Mapping[str, Any]]) -> tuple[Rung, ...]:
    """What has helped before comes first; the ladder sorts by level and keeps this order within one."""
    helped: Mapping[str, int] = {}
    with contextlib.suppress(HistoryError), History() as history:
        helped = history.helped()
    rungs = [
        Rung(
            row["id"],
            row["level"],
            profile.policy(row["id"]),
            tuple(row["causes"]),
            row["title"],
            row["until"] or "session",
            row["trial"],
        )
        for row in remedies
        if row["id"] not in _ITS_OWN
    ]
    return tuple(sorted(rungs, key=lambda rung: -helped.get(rung.id, 0)))
