"""Opening a pane beside the client, terminal by terminal: how it is recognised, what is run, what leaves the
focus where it is, and where that is documented.

| terminal | recognised by | focus |
| --- | --- | --- |
| tmux | TMUX, TMUX_PANE, and the pane's device is ours | stays (`-d`) |
| zellij | ZELLIJ, ZELLIJ_PANE_ID, and its server has started us | stays (`--no-focus`; others refuse) |
| kitty | KITTY_WINDOW_ID, KITTY_LISTEN_ON, and cc-guard runs in that window | stays (`--keep-focus`) |
| WezTerm | TERM_PROGRAM, WEZTERM_PANE, and that pane has our device and the focus | brought back at once |
| iTerm2 | TERM_PROGRAM, and the session in front has our device | brought back at once |
| Windows Terminal | WT_SESSION, WSL_DISTRO_NAME | brought back at once |

None but tmux was tried with the real program: the others are as documented.
"""

from collections.abc import Mapping

from cc_guard.terminals.iterm2 import ITERM2
from cc_guard.terminals.kitty import KITTY
from cc_guard.terminals.terminal import Terminal
from cc_guard.terminals.tmux import TMUX
from cc_guard.terminals.wezterm import WEZTERM
from cc_guard.terminals.windows import WINDOWS_TERMINAL
from cc_guard.terminals.zellij import ZELLIJ

MULTIPLEXERS = (TMUX, ZELLIJ)
WINDOWS = (KITTY, WEZTERM, ITERM2, WINDOWS_TERMINAL)


def recognise(environ: Mapping[str, str]) -> Terminal | None:
    """The one that the client runs in. None: it is unknown, far away, or can't be told. A multiplexer comes
    first, as it passes on what names the terminal around it."""
    inside = [one for one in MULTIPLEXERS if one.here(environ)]
    if inside:
        # One in the other, or screen in one of them: both have left their names.
        return inside[0] if len(inside) == 1 and "STY" not in environ else None
    if "STY" in environ or any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY")):
        return None
    around = [one for one in WINDOWS if one.here(environ)]
    return around[0] if len(around) == 1 else None
