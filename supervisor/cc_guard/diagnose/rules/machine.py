"""The machine and the client on it: what runs beside it, what it went through, and what is old."""

from cc_guard.diagnose.rules.case import GUESS, LIKELY, POSSIBLE, TCP, Case, Opinion

_OF_OLD_CONNECTIONS = ("connection", "timeout", "stall")  # what the client suffers when they are dead
_JUST_WOKEN_S = 120.0
_JUMP_S = 60.0


def memory(case: Case) -> Opinion | None:
    level = case.value("memory", "level")
    if level not in ("critical", "low"):
        return None
    told = case.value("memory", "why")
    why = f"Memory is nearly used up, so that programs stall or are ended: {told}."
    if not told:
        why = "This machine has hardly any memory left, so that programs stall or are ended."
    if level == "critical":
        return Opinion("memory.pressure", LIKELY, why, ("memory",))
    suffers = case.symptom is not None or not case.reachable  # a warning alone decides nothing
    return Opinion("memory.pressure", POSSIBLE if suffers else GUESS, why, ("memory",))


def vpn(case: Case) -> Opinion | None:
    tunnels = [finding for finding in case.all("link.route") if finding.evidence.get("tunnel")]
    if not tunnels or case.reachable:
        return None
    device = tunnels[0].evidence.get("device", "")
    why = f"The way to {case.host} goes through a VPN ({device}), and nothing comes back from there."
    silent = case.outcomes(*TCP) == {"timeout"}
    return Opinion("vpn.path", LIKELY if silent else POSSIBLE, why, ("link.route", *TCP))


def virtual_machine(case: Case) -> Opinion | None:
    """A hypothesis: only suspending it and probing again can tell."""
    running = case.value("vm.tart", "running") or []
    if not running or case.reachable:
        return None
    names = ", ".join(str(vm.get("name")) for vm in running)
    why = f"The virtual machine beside it ({names}) may be in the way: only suspending it can tell."
    return Opinion("vm.interference", GUESS, why, ("vm.tart",))


def inside(case: Case) -> Opinion | None:
    """The network of the container or of WSL, where nothing more exact is known."""
    if case.reachable or not (case.failed("dns.system") or case.failed("link.route")):
        return None
    if case.one("wsl.network") and case.value("wsl.network", "mode"):
        why = "Name look-up or routing inside WSL is broken."
        return Opinion("wsl.network", POSSIBLE, why, ("wsl.network", "dns.system"))
    if case.one("container.network") and case.value("container.network", "dns"):
        why = "Name look-up or routing inside this container is broken."
        return Opinion("container.network", POSSIBLE, why, ("container.network", "dns.system"))
    return None


def woke_up(case: Case) -> Opinion | None:
    """Only beside a way that works now: what is broken is the harder evidence. Where it is not known when the
    machine woke up, it may have been hours ago."""
    if case.symptom is None or case.symptom.kind not in _OF_OLD_CONNECTIONS or not case.reachable:
        return None
    ago, since = case.value("sleep", "last_wake_s_ago"), case.value("sleep", "asleep_s_since_start")
    # A paused virtual machine's clocks all stand still, until the wall clock is set.
    jumped = (case.value("clock.jump", "jump_s") or 0.0) >= _JUMP_S
    if since == 0.0 and not jumped:
        return None
    if ago is not None and ago <= _JUST_WOKEN_S:
        why = "The machine has just been asleep: connections from before are dead, new ones work."
        return Opinion("sleep.wake", LIKELY, why, ("sleep", "http.api"))
    if ago is None and (since or jumped):
        why = "The machine was asleep during this session: connections from before are dead, new ones work."
        return Opinion("sleep.wake", POSSIBLE, why, ("sleep", "clock.jump", "http.api"))
    return None


def stuck(case: Case) -> Opinion | None:
    if case.symptom is None or not case.reachable or case.one("client.process") is None:
        return None
    if case.symptom.kind not in _OF_OLD_CONNECTIONS or (case.symptom.attempt or 0) < 3:
        return None
    why = "A fresh connection works, and this process still fails: it holds on to a broken one."
    return Opinion("process.stuck", POSSIBLE, why, ("client.process", "http.api"))


def outdated(case: Case) -> Opinion | None:
    known = case.value("client.version", "known_bad") or []
    if not known or case.symptom is None:
        return None
    why = (
        f"Claude Code {case.value('client.version', 'version')} has a known fault: {known[0].get('why', '')}."
    )
    return Opinion("client.outdated", GUESS, why, ("client.version",))
