"""All profiles of this machine, each file in its place: who extends whom, and which value wins.

Below each other, the upper wins: the user's own file of a profile, the file of that name that came with
cc-guard, and then the same two of the profile that it extends, down to `generic`. Of `[match]`, `title` and
`priority` nothing is inherited: they say what one profile is.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cc_guard import paths
from cc_guard.profile import files, names, policies
from cc_guard.profile.files import Layer, Mistake
from cc_guard.profile.positions import Path
from cc_guard.profile.resolved import HoldSettings, Policy, Profile

_PORTS = 65536
# Remedies that stop something of the user's, and the parameters that name what they may stop.
_NAMED_BY = {
    "tart.suspend": ("tart",),
    "docker.pause": ("docker",),
    "orbstack.pause": ("orbstack", "docker"),
    "colima.pause": ("colima", "docker"),
}


@dataclass(frozen=True)
class Origin:
    """A value, and the file and the place in it that it comes from."""

    value: Any
    layer: Layer
    place: Path


@dataclass(frozen=True)
class Resolved:
    """`bases` are what it extends, nearest first, `layers` its own files, upper first. `match` is None for a
    profile that is taken by name alone. `values` are by dotted name."""

    name: str
    title: str
    bases: tuple[str, ...]
    layers: tuple[Layer, ...]
    priority: int
    match: Mapping[str, Any] | None
    values: Mapping[str, Origin]

    @property
    def own(self) -> bool:
        """Whether a file of the user's has a part in it."""
        return any(layer.own for layer in self.layers)

    def section(self, name: str) -> dict[str, Any]:
        """The values of `[name]`, by the rest of their dotted name."""
        found = {key.partition(".")[::2]: origin.value for key, origin in self.values.items()}
        return {rest: value for (section, rest), value in found.items() if section == name}

    def settled(self, why: str, problems: tuple[str, ...] = ()) -> Profile:
        parameters: dict[str, dict[str, object]] = {}
        for key, value in self.section("parameters").items():
            group, _, name = key.partition(".")
            parameters.setdefault(group, {})[name] = value
        remedies: dict[str, Policy] = self.section("remedies")
        warn = {name: float(value) for name, value in self.section("warn").items() if value is not False}
        return Profile(
            self.name, why, HoldSettings(**self.section("hold")), remedies, parameters, warn, problems
        )


class Library:
    """`mistakes` are those of files that are not used because of them."""

    def __init__(self, layers: Mapping[str, tuple[Layer, ...]], mistakes: list[Mistake]) -> None:
        self._layers = dict(layers)
        self.mistakes = mistakes
        self._drop_what_does_not_fit()
        self.mistakes.sort(key=lambda one: (one.path, one.line or 0))
        self.profiles = {name: self._resolve(name, self._chain(name)) for name in sorted(self._layers)}

    def candidates(self) -> Iterator[tuple[Resolved, Mapping[str, Any]]]:
        """The profiles that are matched by facts."""
        for profile in self.profiles.values():
            if profile.match is not None:
                yield profile, profile.match

    def _drop_what_does_not_fit(self) -> None:
        """A mistake that shows only beside other files takes its file out, and others may need that one."""
        while True:
            found = [mistake for name in sorted(self._layers) for mistake in self._misfits(name)]
            if not found:
                return
            wrong = {mistake.path for mistake in found}
            for name, layers in list(self._layers.items()):
                kept = tuple(layer for layer in layers if layer.path not in wrong)
                self._layers[name] = kept
                if not kept:
                    del self._layers[name]
            self.mistakes += dict.fromkeys(found)

    def _misfits(self, name: str) -> Iterator[Mistake]:
        chain = self._chain(name)
        last = chain[-1]
        if last in chain[:-1]:
            circle = chain[chain.index(last) : -1]
            for number, one in enumerate(circle):
                words = [*circle[number:], *circle[:number], one]
                yield from self._wrong_base(
                    one, f"{' extends '.join(words)}: a circle", _advice_on_circle(circle)
                )
        elif last not in self._layers:
            broken = any(os.path.basename(one.path) == f"{last}{names.SUFFIX}" for one in self.mistakes)
            advice = "Correct that file first." if broken else names.nearest(last, sorted(self._layers))
            text = f"{chain[-2]} extends {names.shown(last)}, which "
            text += "has mistakes of its own" if broken else "does not exist"
            yield from self._wrong_base(chain[-2], text, advice)
        else:
            profile = self._resolve(name, chain)
            yield from _wrong_policies(profile)
            yield from _wrong_together(profile)

    def _wrong_base(self, name: str, text: str, advice: str) -> Iterator[Mistake]:
        for layer in self._layers[name]:
            if "extends" in layer.content:
                yield layer.mistake(("extends",), text, advice)
                return

    def _chain(self, name: str) -> list[str]:
        """The profile and what it extends, up to `generic`, an unknown name, or one that was there before."""
        chain = [name]
        while chain[-1] in self._layers:
            base = self._of(chain[-1], "extends", "" if chain[-1] == names.GENERIC else names.GENERIC)
            if not base:
                break
            chain.append(base)
            if base in chain[:-1]:
                break
        return chain

    def _of(self, name: str, key: str, default: Any) -> Any:
        return next((layer.content[key] for layer in self._layers[name] if key in layer.content), default)

    def _resolve(self, name: str, chain: list[str]) -> Resolved:
        values: dict[str, Origin] = {}
        for base in reversed(chain):
            for layer in reversed(self._layers.get(base, ())):
                for key, entry in layer.entries.items():
                    values[key] = Origin(entry.value, layer, entry.place)
        layers = self._layers[name]
        match: dict[str, Any] | None = None
        for layer in reversed(layers):
            if "match" in layer.content:
                match = {**(match or {}), **layer.content["match"]}
        title, priority = self._of(name, "title", ""), self._of(name, "priority", 0)
        return Resolved(name, title, tuple(chain[1:]), layers, priority, match, values)


def load(trial: tuple[str, str] | None = None) -> Library:
    """The profiles that came with cc-guard and the user's own. `trial`, a name and a path, stands in for the
    user's own file of that name."""
    mistakes: list[Mistake] = []
    layers: dict[str, tuple[Layer, ...]] = {}
    own = names.files(paths.config_profiles())
    if trial is not None:
        own[trial[0]] = trial[1]
    for name, path in own.items():
        if os.path.exists(path) and not os.path.isfile(path) and trial != (name, path):
            mistakes.append(Mistake(path, None, "", "it is not a file"))
            continue
        layer, found = files.read(path, name, own=True)
        mistakes += found
        if layer is not None:
            layers[name] = (layer,)
    for name, path in names.files(paths.shipped("profiles")).items():
        layer, found = files.read(path, name, own=False)
        mistakes += found
        if layer is not None:
            layers[name] = (*layers.get(name, ()), layer)
    return Library(layers, mistakes)


def _advice_on_circle(circle: list[str]) -> str:
    if len(circle) == 1:
        return "Leave extends out: your file is above the one of the same name that came with cc-guard."
    return "One of them has to extend something else."


def _wrong_policies(profile: Resolved) -> Iterator[Mistake]:
    """Only what the user's own files of this profile say: what they inherit was made for other machines, too,
    and is never carried out above what its level permits."""
    own = [
        (key.partition(".")[2], origin)
        for key, origin in profile.values.items()
        if key.startswith("remedies.") and origin.layer.own and origin.layer in profile.layers
    ]
    known = policies.remedies() if own else {}
    for id_, origin in own:
        why, advice = policies.refusal(known[id_], origin.value, profile.match or {})
        if why:
            yield origin.layer.mistake(origin.place, why, advice)


def _wrong_together(profile: Resolved) -> Iterator[Mistake]:
    """Values that are right alone, and wrong with another one of the same profile."""
    values = profile.values
    start, count = values.get("parameters.ports.start"), values.get("parameters.ports.count")
    if start is not None and count is not None and start.value + count.value > _PORTS:
        text = f"{count.value} ports from {start.value} on end above {_PORTS - 1}"
        advice = f"With start = {start.value}, count is at most {_PORTS - start.value}."
        yield from _blamed(profile, text, advice, count, start)
    for id_, policy in profile.section("remedies").items():
        groups = _NAMED_BY.get(id_, ())
        lists = [values[key] for key in (f"parameters.{group}.names" for group in groups) if key in values]
        if policy == "auto" and lists and not any(one.value for one in lists):
            advice = f'Name them: [parameters.{groups[0]}] names = ["…"], or let it ask.'
            text = f"{id_} can be auto only for what you name"
            yield from _blamed(profile, text, advice, values[f"remedies.{id_}"], *lists)


def _blamed(profile: Resolved, text: str, advice: str, *origins: Origin) -> Iterator[Mistake]:
    """The user's own among them, the profile's before those of its bases."""
    own = [origin for origin in origins if origin.layer.own]
    own.sort(key=lambda origin: origin.layer not in profile.layers)
    if own:
        yield own[0].layer.mistake(own[0].place, text, advice)
