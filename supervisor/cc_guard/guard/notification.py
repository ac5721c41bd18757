"""A desktop notification by the terminal, and a bell: bytes that change nothing on the screen.

Only a terminal that is known to understand them gets them. Inside tmux, screen and zellij nobody does: tmux
passes nothing on unless told to (`allow-passthrough`, off by default: its CHANGES of 3.3a), and what it would
have to be passed on to is not in the environment.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cc_guard.settings import Notify

_NAME = "Claude Code"
_LONGEST = 160

_ST = "\x1b\\"


def _osc_9(text: str) -> str:
    """The words alone. ConEmu's own commands begin with a number and a semicolon."""
    return f"\x1b]9;{_NAME}: {text}{_ST}"


def _osc_777(text: str) -> str:
    return f"\x1b]777;notify;{_NAME};{text.replace(';', ',')}{_ST}"


def _osc_99(text: str) -> str:
    """One name, so that the next takes the place of the last; `o=unfocused`: not to who is looking at it."""
    head = "\x1b]99;i=cc-guard:o=unfocused"
    return f"{head}:d=0;{_NAME}{_ST}{head}:d=1:p=body;{text}{_ST}"


_Form = Callable[[str], str]

# By TERM_PROGRAM, which terminals set for what they start: it is newer than what was inherited.
_BY_PROGRAM: Mapping[str, _Form] = {
    "iTerm.app": _osc_9,  # iterm2.com/documentation-escape-codes.html
    "ghostty": _osc_9,  # ghostty.org/docs/vt/osc/9
    "WezTerm": _osc_777,  # wezterm.org/config/lua/config/notification_handling.html
    "WarpTerminal": _osc_9,  # terminfo.dev/extensions/notifications-osc-9, measured by them
    "zed": _osc_9,  # zed-industries/zed#58014
}
# By how TERM begins.
_BY_TERM: Mapping[str, _Form] = {
    "xterm-kitty": _osc_99,  # sw.kovidgoyal.net/kitty/desktop-notifications
    "xterm-ghostty": _osc_9,
    "wezterm": _osc_777,
    "foot": _osc_777,  # foot-ctlseqs(7)
    "rxvt-unicode": _osc_777,  # urxvt(7), with its extension `notify`; otherwise ignored
}
# By a variable that only this terminal sets: what ssh or WSL lets through.
_BY_VARIABLE: Mapping[tuple[str, str], _Form] = {
    ("LC_TERMINAL", "iTerm2"): _osc_9,
    ("WT_SESSION", ""): _osc_777,  # microsoft/terminal#20012; versions before it ignore the sequence
}
_MULTIPLEXERS = ("tmux", "screen")


def notification(environ: Mapping[str, str], words: str, settings: "Notify") -> bytes:
    """What shows `words`, with control characters taken out. Empty for a terminal that is not known to."""
    form = _form(environ) if settings.osc == "auto" else None
    text = "".join(c for c in words if c.isprintable())[:_LONGEST]
    said = form(text) if form is not None and text else ""
    return f"{said}{chr(7) if settings.bell else ''}".encode()


def _form(environ: Mapping[str, str]) -> _Form | None:
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    if "TMUX" in environ or "STY" in environ or "ZELLIJ" in environ or term.startswith(_MULTIPLEXERS):
        return None
    if program:
        return _BY_PROGRAM.get(program)
    for start, form in _BY_TERM.items():
        if term.startswith(start):
            return form
    for (name, value), form in _BY_VARIABLE.items():
        if environ.get(name) and value in ("", environ[name]):
            return form
    return None
