"""How it stands, in a word, a colour and a sentence: for panels, the title and the status line. Pure."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from cc_guard.incident.record import Kind
from cc_guard.incident.state import State

Tone = Literal["ok", "busy", "warn", "bad", "ask", "off"]


class _Said(NamedTuple):
    word: str
    tone: Tone
    text: str


_OK = _Said("OK", "ok", "Claude Code gets its answers. There is nothing to do.")
_OBSERVING = _Said("OBSERVING", "ok", "Claude Code gets its answers. cc-guard watches and never acts.")
_ASKS = _Said("ASKS YOU", "ask", "Something can be done about this, and it needs your word.")
_TRIPPED = _Said(
    "HANDS OFF",
    "warn",
    "The same trouble came back again and again, so cc-guard has stopped acting."
    " It helps again when you send Claude Code a prompt.",
)
_SUSPENDED = _Said(
    "SUSPENDED", "off", "You have suspended Claude Code (Ctrl-Z); `fg` in its terminal resumes it."
)
_PHASES: Mapping[str, _Said] = {
    "holding": _Said("PAUSING", "warn", "The API does not answer. Claude Code is about to be paused."),
    "held": _Said(
        "PAUSED",
        "bad",
        "The API does not answer. Claude Code is paused, so that it does not use up its retries."
        " It goes on by itself as soon as the API answers.",
    ),
    "going": _Said("GOING ON", "busy", "The API can be reached again; Claude Code goes on."),
    "muted": _Said(
        "HANDS OFF", "off", "You have let Claude Code go on. cc-guard only watches until this is over."
    ),
    "fading": _Said("RECOVERED", "ok", "Claude Code gets its answers again."),
}
# What the client does by itself in the retry phase, by what it suffers.
_RETRYING = _Said("RETRYING", "warn", "A request of Claude Code has failed. It tries again by itself.")
_OF_KIND: Mapping[Kind, _Said] = {
    "overloaded": _Said(
        "API BUSY", "warn", "The API is overloaded. Claude Code waits and tries again by itself."
    ),
    "rate_limit": _Said(
        "RATE LIMIT", "warn", "Too many requests just now. Claude Code waits and tries again by itself."
    ),
    "server_error": _Said(
        "API ERROR", "warn", "The API answers with an error of its own. Claude Code tries again by itself."
    ),
}
_ANSWERS = " The API answers to a probe from here, so a pause would not help."
_STALLED = _Said(
    "NO ANSWER",
    "bad",
    "Claude Code waits for an answer, and the API can't be reached. It notices by itself after some minutes;"
    " nothing is lost by waiting.",
)
_STALLED_GOOD = _Said(
    "NO ANSWER",
    "warn",
    "The API can be reached again, but nothing has come for Claude Code yet: its old connection may need a"
    " minute or two. Esc, and the same prompt once more, is quicker.",
)
_DOWN = _Said(
    "GAVE UP",
    "bad",
    "Claude Code has given up on this request. When the API answers, cc-guard tells it to go on.",
)
_DOWN_OF_KIND: Mapping[Kind, _Said] = {
    "usage_limit": _Said(
        "LIMIT REACHED",
        "warn",
        "Your usage limit is reached. cc-guard tells Claude Code to go on when it is over.",
    ),
    "auth": _Said("SIGNED OUT", "bad", "The API does not accept the sign-in of Claude Code."),
}
_WAITS = "The API answers again. cc-guard tells Claude Code to go on as soon as it can; at the moment, {}."


def of(state: State, observe: bool, asks: bool, warning: str = "") -> dict[str, str]:
    """`warning`: what gets worse, while nothing has failed yet."""
    said = _of(state, observe, asks)
    if warning and said in (_OK, _OBSERVING):
        text = warning.removeprefix("Getting worse: ")
        said = _Said("GETTING WORSE", "warn", text[:1].upper() + text[1:])
    text = said.text
    if observe and state.report is not None:
        text += " cc-guard only observes."
    return {"word": said.word, "tone": said.tone, "text": text}


def _of(state: State, observe: bool, asks: bool) -> _Said:
    if asks:
        meanwhile = " Claude Code is paused meanwhile." if state.phase == "held" else ""
        return _ASKS._replace(text=_ASKS.text + meanwhile)
    if state.suspended:
        return _SUSPENDED
    kind = state.report.kind if state.report else None
    if state.phase == "watching":
        said = _OF_KIND.get(kind, _RETRYING) if kind else _RETRYING
        told = state.path_noted and said is _RETRYING and _answers(state)
        return said._replace(text=said.text + _ANSWERS) if told else said
    if state.phase == "stalled":
        return _STALLED_GOOD if _answers(state) else _STALLED
    if state.phase == "down":
        if state.care.waits_for:
            return _Said("WAITING", "busy", _WAITS.format(state.care.waits_for))
        return _DOWN_OF_KIND.get(kind, _DOWN) if kind else _DOWN
    if state.past.tripped and state.phase == "idle":
        return _TRIPPED
    return _PHASES.get(state.phase, _OBSERVING if observe else _OK)


def _answers(state: State) -> bool:
    """By the last probe, the API can be reached."""
    return (state.answered or 0.0) >= (state.unanswered or 0.0)
