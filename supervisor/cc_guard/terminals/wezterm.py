"""wezterm.org/cli/cli: list (`tty_name`, `is_zoomed`), list-clients (`focused_pane_id`), split-pane
(`--cells`, `--pane-id`), activate-pane.

A split takes the focus (wezterm/wezterm#2707, open), and activate-pane brings a tab to the front. So both
only while our pane has the focus."""

import json
from collections.abc import Mapping
from typing import Any

from cc_guard.diagnose import tools
from cc_guard.terminals.terminal import Later, Place, Refused, Split, Terminal, program, run


def _here(environ: Mapping[str, str]) -> bool:
    return environ.get("TERM_PROGRAM") == "WezTerm" and environ.get("WEZTERM_PANE", "").isdigit()


async def _open(place: Place, split: Split, panel: list[str]) -> None:
    pane = place.environ["WEZTERM_PANE"]
    wezterm = (program("wezterm", place, place.environ.get("WEZTERM_EXECUTABLE_DIR", "")), "cli")
    for one in await _listed(place, *wezterm, "list"):
        if one.get("pane_id") == int(pane) and place.tty and one.get("tty_name") == place.tty:
            if one.get("is_zoomed"):
                raise Refused("the pane is zoomed")
            break
    else:
        raise Refused("this terminal has been started from WezTerm, but is not in it")
    clients = await _listed(place, *wezterm, "list-clients")
    if [client.get("focused_pane_id") for client in clients] != [int(pane)]:
        raise Later
    side = "--right" if split.side == "right" else "--bottom"
    size = ("--cells", str(split.cells))
    await run(place, *wezterm, "split-pane", "--pane-id", pane, side, *size, "--cwd", "/", "--", *panel)
    await run(place, *wezterm, "activate-pane", "--pane-id", pane)


async def _listed(place: Place, *argv: str) -> list[dict[str, Any]]:
    ran = await run(place, *argv, "--format", "json")
    try:
        found = json.loads(tools.decoded(ran.out))
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Refused("WezTerm's answer is not understood")
    return found


WEZTERM = Terminal("WezTerm", _here, _open, moves_focus=True)
