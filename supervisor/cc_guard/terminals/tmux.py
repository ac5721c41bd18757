"""tmux(1), as of 3.3a: `split-window`, `-d` "do not make the new window the active window"."""

from collections.abc import Mapping

from cc_guard.diagnose import tools
from cc_guard.terminals.terminal import Place, Refused, Split, Terminal, program, run

_ASKED = "#{pane_tty} #{window_zoomed_flag}"


def _here(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("TMUX") and environ.get("TMUX_PANE"))


async def _open(place: Place, split: Split, panel: list[str]) -> None:
    pane = place.environ["TMUX_PANE"]
    # TMUX is the socket, the server's process and the session, with commas between.
    tmux = (program("tmux", place), "-S", place.environ["TMUX"].rsplit(",", 2)[0])
    asked = await run(place, *tmux, "display-message", "-p", "-t", pane, _ASKED)
    device, _, zoomed = tools.decoded(asked.out).strip().rpartition(" ")
    if not place.tty or device != place.tty:
        raise Refused("this terminal has been started from tmux, but is not in it")
    if zoomed != "0":
        raise Refused("the pane is zoomed")
    side = "-h" if split.side == "right" else "-v"
    words = ("split-window", "-d", side, "-l", str(split.cells), "-t", pane, "-P", "-F", "#{pane_id}")
    opened = tools.decoded((await run(place, *tmux, *words, *panel)).out).strip()
    # Of this pane alone, where the user lets panes stay when their program has ended. Before 3.0 there is
    # none of a pane alone, and the panel stays as any other.
    await tools.run(
        *tmux, "set-option", "-p", "-t", opened, "remain-on-exit", "off", environ=place.environ, cwd="/"
    )


TMUX = Terminal("tmux", _here, _open)
