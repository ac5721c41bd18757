"""Which profile this machine gets, and why not another.

All demands of its `[match]` have to hold. Of those that match, the one with the most demands is taken: it
knows the machine best. Between equals `priority` decides, then that a file is the user's own, then the name.
"""

from dataclasses import dataclass

from cc_guard import settings_cache
from cc_guard.profile import checked, library, machine, names, rules
from cc_guard.profile.library import Library, Resolved
from cc_guard.profile.machine import Machine
from cc_guard.profile.resolved import GENERIC, Profile
from cc_guard.profile.rules import Rule


@dataclass(frozen=True)
class Candidate:
    """A profile beside this machine. `rules` is None for one without `[match]`. `verdict` says in a few words
    why it was taken, or why not."""

    name: str
    rules: tuple[Rule, ...] | None
    taken: bool
    verdict: str

    @property
    def matches(self) -> bool:
        return self.rules is not None and all(rule.holds for rule in self.rules)


@dataclass(frozen=True)
class Choice:
    """`by_name`: it was asked for. `profiles` are all that there are, the one that was taken first."""

    name: str
    why: str
    by_name: bool
    profiles: tuple[Candidate, ...]


def choose(known: Library, here: Machine, name: str = names.AUTO) -> Choice:
    """The profile `name`, or with `auto` the one that matches best; `generic` where there is no other."""
    judged = {
        profile.name: None if profile.match is None else tuple(rules.judge(profile.match, here))
        for profile in known.profiles.values()
    }
    by_name = name != names.AUTO
    best = known.profiles.get(name) if by_name else _best(known, judged)
    if best is None:
        return Choice(GENERIC.name, "no profile can be read", False, ())
    candidates = [
        Candidate(one.name, judged[one.name], one is best, _verdict(one, best, judged, by_name))
        for one in known.profiles.values()
    ]
    candidates.sort(key=lambda one: not one.taken)
    return Choice(best.name, candidates[0].verdict, by_name, tuple(candidates))


Judged = dict[str, tuple[Rule, ...] | None]


def _best(known: Library, judged: Judged) -> Resolved | None:
    matching = [
        profile
        for profile in known.profiles.values()
        if (found := judged[profile.name]) is not None and all(rule.holds for rule in found)
    ]
    return min(
        matching,
        key=lambda one: (-len(judged[one.name] or ()), -one.priority, not one.own, one.name),
        default=known.profiles.get(names.GENERIC),
    )


def _verdict(one: Resolved, best: Resolved, judged: Judged, by_name: bool) -> str:
    found = judged[one.name]
    if one is best:
        if by_name:
            return "asked for by name"
        if found is None or not all(rule.holds for rule in found):
            return "nothing else matches"
        return "; ".join(map(str, found)) or "nothing more special matches"
    if found is None:
        return "has no [match]: it is only taken by name"
    wrong = [str(rule) for rule in found if not rule.holds]
    if wrong:
        return "; ".join(wrong)
    if by_name:
        return f"matches, but {best.name} was asked for by name"
    more = len(judged[best.name] or ())
    if more > len(found):
        return f"matches, but {best.name} demands more ({more} facts, and this {len(found)})"
    if best.priority > one.priority:
        return f"matches as well, but {best.name} has the higher priority"
    if best.own and not one.own:
        return f"matches as well, but {best.name} is your own"
    return f"matches as well, but {best.name} comes first by its name"


def look(known: Library) -> Machine:
    """The facts that these profiles ask for."""
    return machine.look(rules.wanted(match for _, match in known.candidates()))


def here(name: str = names.AUTO) -> Profile:
    """The profile of this machine with every value settled. Never raises: a name that does not exist, and a
    file with a mistake, are problems of the profile that is taken instead."""
    known = library.load()
    problems = [str(mistake) for mistake in known.mistakes]
    if name != names.AUTO and name not in known.profiles:
        problems.insert(0, names.unknown(name) or f"The profile {names.shown(name)} has mistakes.")
        name = names.AUTO
    choice = choose(known, look(known), name)
    found = known.profiles.get(choice.name)
    if found is None:
        return GENERIC
    return found.settled(choice.why, tuple(problems))


def name_in_effect() -> str:
    """The name of the profile that a session here would take, by the user's settings. Never raises."""
    try:
        return here(checked.asked({})).name
    except settings_cache.SettingsError:
        return here().name
