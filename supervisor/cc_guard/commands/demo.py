"""`cc-guard demo`: the whole story in a minute, without network, account or Claude Code."""

import argparse
import os
import sys

from cc_guard.demo.scenarios import DEFAULT, SCENARIOS, Scenario

_NO_NETWORK = (
    "{name} needs a network of the demo's own, which only Linux has, where users may make one. "
    "Try: cc-guard demo"
)
_NO_IPV6 = "`localhost` does not lead to IPv6 (::1) here: there is nothing to break. Try: cc-guard demo"
_FEWEST_COLUMNS, _FEWEST_ROWS = 60, 20


def main(argv: list[str]) -> int:
    """Exit status: 0 the story came to its end, 1 it did not, 2 it can't be shown here or wrong usage, 130
    ended by the user."""
    try:
        options = _parse(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    if options.list:
        print(_listed(), end="")
        return 0
    if why := _not_here():
        return _fail(why, 2)
    scenario = SCENARIOS[options.scenario]
    if scenario.network:
        from cc_guard.demo import network

        if network.can_have(scenario.network):
            network.enter(scenario.network, [sys.executable, "-P", "-m", "cc_guard.demo", scenario.name])
        if scenario.mock is None:
            return _fail(_NO_NETWORK.format(name=scenario.name), 1)
    return _show(scenario, inside=False)


def inside(name: str) -> int:
    """In a network of its own."""
    return _show(SCENARIOS[name], inside=True)


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="cc-guard demo",
        description="Watch cc-guard at work, in about a minute: without network, account or Claude Code. A\n"
        "script plays Claude Code and a small server on this machine the API; the rest is cc-guard as you\n"
        "would use it. It ends by itself, Ctrl-C ends it sooner, and nothing of it is left.",
        epilog=_listed(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", nargs="?", choices=tuple(SCENARIOS), default=DEFAULT, metavar="SCENARIO")
    parser.add_argument("--list", action="store_true", help="the scenarios")
    return parser.parse_args(argv)


def _listed() -> str:
    rows = (f"  {one.name:8} {one.title}\n" for one in SCENARIOS.values())
    return f"scenarios (without one: {DEFAULT}):\n{''.join(rows)}"


def _not_here() -> str:
    if "CC_GUARD" in os.environ:
        return "the demo can't run inside a guarded session. Run it in another window: cc-guard demo"
    if not (os.isatty(0) and os.isatty(1)):
        return "the demo needs a terminal: it is something to look at. `cc-guard demo --list` works without."
    size = os.get_terminal_size()
    if size.columns < _FEWEST_COLUMNS or size.lines < _FEWEST_ROWS:
        return (
            f"the demo needs {_FEWEST_COLUMNS}x{_FEWEST_ROWS}; this terminal has {size.columns}x{size.lines}."
        )
    return ""


def _show(scenario: Scenario, inside: bool) -> int:
    from cc_guard.demo import run

    if scenario.name == "ipv6" and not inside and not run.both_loopbacks():
        return _fail(_NO_IPV6, 1)
    try:
        return run.show(scenario, inside)
    except run.CannotShow as error:
        return _fail(str(error), 1)


def _fail(text: str, status: int) -> int:
    sys.stderr.write(f"cc-guard: {text}\n")
    return status
