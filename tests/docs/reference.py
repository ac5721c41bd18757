"""docs/remedies.md, causes.md and settings.md: from the remedies, profiles, causes and settings there are."""

import ast
import inspect
import itertools
import json
import os
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from unittest.mock import patch

from pydantic import BaseModel

from cc_guard.diagnose.facts import Facts
from cc_guard.incident.ladder import Rung
from cc_guard.profile import library
from cc_guard.profile.library import Resolved
from cc_guard.profile.policies import machines
from cc_guard.remedies.registry import all_remedies
from cc_guard.remedies.remedy import Remedy
from cc_guard.settings import Settings
from cc_guard.settings_cache import PREFIX

_MADE = "<!-- Made from the code by `python -m tests.docs`. Changes go there. -->"

_SYSTEMS = {
    "Linux": Facts("linux", 0, "", "", 1000),
    "containers": Facts("linux", 0, "docker", "", 1000),
    "macOS": Facts("macos", 0, "", "", 1000),
    "WSL 2": Facts("linux", 2, "", "", 1000),
}
# What this machine has does not decide what is written: both cases are looked at.
_FOUND = "cc_guard.remedies.fixes.dns.found"
_HAS = {"": "/usr/bin/resolvectl", " without `resolvectl`": ""}

LEVELS = (
    "looks, and says what it saw",
    "touches Claude Code alone",
    "touches what is yours, and needs no root",
    "needs root",
    "is done outside of this system, by you",
)
_UNTIL = {"session": "at the end of the session", "incident": "when the incident is over"}
# What there is to take back, where no change of the machine is.
UNDO = {
    "hold.wait": "Claude Code goes on",
    "client.nudge": "the word stands in the conversation",
    "client.restart": "nothing to undo; the conversation is the same",
    "client.env": "the variable is gone with this session",
    "client.update": "by you; the command is told",
    "dns.flush": "nothing to undo",
    "portal.open": "nothing to undo",
    "auth.login": "`claude auth logout`",
}


_INTRODUCTION = """\
What cc-guard can do about a cause, and what each profile that comes with it makes of that.
[profiles.md](profiles.md) says how to change it; `cc-guard profiles show NAME` has the same for your
machine, with your own files in it. What a cause is: [causes.md](causes.md).
"""
_POLICIES = """\
`auto` is done without a question, `ask` when you say yes, `suggest` is told with the exact commands, `off` is
nothing. Whatever a file says, levels 0 and 4 are at most told, and level 3 is at most asked about. It is
then done with `sudo -n`, which never wants a password: without one it is told instead. Nothing is done unless
the cause is likely (0.7 of 1; for a remedy that is its own test, 0.3).
"""
_NOTES = """\
`dns.flush` on Linux is as it is with `resolvectl`; without that root is needed. `docker.pause`,
`orbstack.pause` and `colima.pause` can do nothing before a profile names the containers that may be paused,
and `tart.suspend` and the pauses are done without a question only for what it names. `hold.wait`,
`client.nudge` and `client.restart` are done on `auto` and on nothing else; when they are due is in
[safety.md](safety.md).
"""
_CAUSES = """\
Why Claude Code does not get its answers: what `cc-guard doctor`, `cc-guard explain` and incidents name. How
to check each, and what to do about it on your machine, they say themselves. The remedies are those of
[remedies.md](remedies.md).
"""
_SETTINGS = """\
They stand in `~/.config/cc-guard/config.toml` (`$XDG_CONFIG_HOME/cc-guard/config.toml`). A variable wins over
the file, and an option over both. An unknown key is an error that names the nearest known one. What a profile
says of `[hold]` is below all three: [profiles.md](profiles.md).
"""


def remedies() -> str:
    lines = [
        "# Remedies and profiles",
        "",
        _MADE,
        "",
        _INTRODUCTION,
        "## Levels",
        "",
        *_table(("level", "a remedy of this level"), list(enumerate(LEVELS))),
        "",
        _POLICIES,
        "## What each profile does",
        "",
        *_policies(),
        "",
        _NOTES,
        "## Each remedy",
        "",
        *(line for remedy in all_remedies() for line in _section(remedy)),
    ]
    return "\n".join(lines).rstrip() + "\n"


def causes() -> str:
    text = files("cc_guard.explain").joinpath("causes.toml").read_text(encoding="utf-8")
    known = tomllib.loads(text)
    rows = [(f"`{code}`", f"{about['title']}", about["why"], _serving(code)) for code, about in known.items()]
    lines = [
        "# Causes",
        "",
        _MADE,
        "",
        _CAUSES,
        *_table(("cause", "what is wrong", "why it can be behind a failure", "remedies"), rows),
    ]
    return "\n".join(lines) + "\n"


def settings() -> str:
    rows = [
        (f"`{key}`", f"`{_toml(default)}`", f"`{PREFIX}{key.upper().replace('.', '__')}`", meaning)
        for key, default, meaning in all_settings(Settings)
    ]
    lines = ["# Settings", "", _MADE, "", _SETTINGS, *_table(("key", "default", "variable", "meaning"), rows)]
    return "\n".join(lines) + "\n"


def all_settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, object, str]]:
    """Dotted name, default and meaning: the text below it in the source, or that of its table."""
    texts = _texts_below(model)
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from all_settings(inner, f"{prefix}{name}.")
        else:
            about = texts.get(name) or model.__doc__ or ""
            yield prefix + name, field.default, " ".join(about.split())


def _texts_below(model: type[BaseModel]) -> dict[str, str]:
    """A string below an assignment is its documentation (PEP 258), and gone when the program runs."""
    (body,) = [
        node.body for node in ast.parse(inspect.getsource(model)).body if isinstance(node, ast.ClassDef)
    ]
    return {
        first.target.id: second.value.value
        for first, second in itertools.pairwise(body)
        if isinstance(first, ast.AnnAssign)
        and isinstance(first.target, ast.Name)
        and isinstance(second, ast.Expr)
        and isinstance(second.value, ast.Constant)
        and isinstance(second.value.value, str)
    }


def _toml(value: object) -> str:
    return json.dumps(value)


def shipped() -> dict[str, Resolved]:
    """The profiles that come with cc-guard, without the user's own."""
    with tempfile.TemporaryDirectory() as nowhere, patch.dict(os.environ, XDG_CONFIG_HOME=nowhere):
        return library.load().profiles


def _policies() -> list[str]:
    profiles = shipped()
    rows = [
        (f"`{remedy.id}`", *(_effective(remedy, profile) for profile in profiles.values()))
        for remedy in all_remedies()
    ]
    return _table(("remedy", *(f"`{name}`" for name in profiles)), rows)


def _effective(remedy: Remedy, profile: Resolved) -> str:
    """As it is on the plainest machine that the profile is for: never more than the level allows."""
    facts = next(machines(profile.match or {}))
    with patch(_FOUND, lambda name, root=False: _HAS[""]):
        level = remedy.level(facts)
    policy = profile.section("remedies")[remedy.id]
    return Rung(remedy.id, level, policy, remedy.causes).allowed


def _section(remedy: Remedy) -> Iterator[str]:
    yield f"### `{remedy.id}`: {remedy.title}"
    yield ""
    yield remedy.text
    yield ""
    yield f"- Level: {_levels(remedy)}. At most: `{_most(remedy)}`."
    yield f"- Causes: {', '.join(f'`{cause}`' for cause in remedy.causes)}."
    yield f"- Taken back: {_undone(remedy)}."
    if remedy.trial:
        yield "- It is its own test: a mere guess is enough, and what changed nothing is taken back at once."
    yield ""


def _levels(remedy: Remedy) -> str:
    """By system, where it is not the same on all."""
    by_level: dict[int, list[str]] = {}
    for system, facts in _SYSTEMS.items():
        seen: set[int] = set()
        for without, path in _HAS.items():
            with patch(_FOUND, lambda name, root=False, path=path: path):
                level = remedy.level(facts)
            if level not in seen:
                seen.add(level)
                by_level.setdefault(level, []).append(f"{system}{without}")
    if len(by_level) == 1:
        return str(next(iter(by_level)))
    return ", ".join(f"{level} ({', '.join(systems)})" for level, systems in sorted(by_level.items()))


def _most(remedy: Remedy) -> str:
    with patch(_FOUND, lambda name, root=False: _HAS[""]):
        order = ("auto", "ask", "suggest")
        return min((remedy.most(facts) for facts in _SYSTEMS.values()), key=order.index)


def _undone(remedy: Remedy) -> str:
    if remedy.until:
        return f"{_UNTIL[remedy.until]}, and by `cc-guard restore` where a session died"
    return UNDO.get(remedy.id, "cc-guard does nothing here; where a command is told, so is how to undo it")


def _serving(cause: str) -> str:
    return ", ".join(f"`{remedy.id}`" for remedy in all_remedies() if cause in remedy.causes)


def _table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |" for line in lines]
