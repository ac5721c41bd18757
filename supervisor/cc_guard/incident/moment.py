"""Whether this is a moment to touch the client. Pure; what is not known counts against it."""

from dataclasses import dataclass
from typing import Literal

QUIET_S = 3.0  # DESIGN, section 5: "no key from the user for 3 s"

Prompt = Literal["empty", "draft", "menu", "mode", "view", "busy", "vim-normal", "unknown"]

_IN_THE_WAY: dict[Prompt, str] = {
    "draft": "there is a draft in the input box",
    "menu": "Claude Code asks something",
    "mode": "the input box is not in prompt mode",
    "view": "another view is open",
    "busy": "Claude Code is at work",
    "vim-normal": "the input box is not in insert mode",
    "unknown": "the input box can't be seen",
}


@dataclass(frozen=True)
class Moment:
    """What the client and its user are at. `prompt`: the input box. `keys_s`: seconds since the user's last
    key. `tools`: calls under way. `background`: commands and sub-agents in the background, which end with
    the client. `asked`: a permission is wanted. `session`: its id is known. `kept`: a draft could be typed
    again, every character of it. `stashed`: there is one that the user has put aside."""

    prompt: Prompt = "unknown"
    keys_s: float = 0.0
    tools: int = 0
    background: int = 0
    asked: bool = False
    session: bool = False
    kept: bool = False
    stashed: bool = False


def against_typing(moment: Moment) -> str:
    """Why nothing may be typed now; empty when it may."""
    return _against_both(moment) or _IN_THE_WAY.get(moment.prompt, "")


def against_restart(moment: Moment, retrying: bool) -> str:
    """Why the client may not be ended now. While it is `retrying` nothing streams, though it looks busy."""
    if not moment.session:
        return "its session is not known"
    if moment.background:
        return "something runs in the background, which would end with it"
    if moment.stashed:
        return "a draft is stashed, which would be lost with it"
    if moment.prompt in ("draft", "busy") and not moment.kept:  # there may be one while it is at work, too
        return "the draft in the input box could not be kept"
    harmless = moment.prompt in ("empty", "draft") or (moment.prompt == "busy" and retrying)
    return _against_both(moment) or ("" if harmless else _IN_THE_WAY[moment.prompt])


def _against_both(moment: Moment) -> str:
    if moment.tools:
        return "a tool is running"
    if moment.asked:
        return "Claude Code asks for a permission"
    return "you are typing" if moment.keys_s < QUIET_S else ""
