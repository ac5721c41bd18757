"""iterm2.com/documentation-scripting.html and iTerm2.sdef: `split vertically with same profile command …`, a
session's `tty`, `select`. A split has no size there, and the new session is selected.

What is to be run is an argument of the script, not a part of it; iTerm2 takes it apart as a shell would."""

import shlex
from collections.abc import Mapping

from cc_guard.diagnose import tools
from cc_guard.terminals.terminal import Later, Place, Refused, Split, Terminal, program, run

_SCRIPT = """
on run {device, side, panel}
    tell application "iTerm2"
        if not frontmost then return "elsewhere"
        set ours to current session of current window
        if tty of ours is not device then return "elsewhere"
        if side is "right" then
            tell ours to split vertically with same profile command panel
        else
            tell ours to split horizontally with same profile command panel
        end if
        tell ours to select
    end tell
    return "open"
end run
"""


def _here(environ: Mapping[str, str]) -> bool:
    return environ.get("TERM_PROGRAM") == "iTerm.app"


async def _open(place: Place, split: Split, panel: list[str]) -> None:
    osascript = program("osascript", place, "/usr/bin")
    ran = await run(place, osascript, "-e", _SCRIPT, place.tty, split.side, shlex.join(panel))
    answer = tools.decoded(ran.out).strip()
    if answer == "elsewhere":
        raise Later
    if answer != "open":
        raise Refused("iTerm2's answer is not understood")


ITERM2 = Terminal("iTerm2", _here, _open, halves=True, moves_focus=True)
