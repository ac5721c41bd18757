"""Telling once which profile this machine got. Lean: the start-up path may import this file.

The guard knows the profile (`took`), and another process has the terminal when the session is over (`tell`).
Between them is the note `profile`: the name, why, and the name that was told of last, each on a line.
"""

from cc_guard.profile import note

_NOTE = "profile"


def first_run_line(name: str, why: str, told: str) -> str:
    """What to say after a session whose profile was `name`, when the last that was told of was `told` ("" for
    none so far); empty when that is nothing new."""
    if not name or name == told:
        return ""
    return f"cc-guard: the profile of this machine is {name} ({why}). More: cc-guard profiles which"


def took(name: str, why: str) -> None:
    """Note the profile of a session. May fail in silence: it is for a line of text."""
    _, _, told = _noted()
    _write(name, why, told)


def tell() -> str:
    """The line for after the session: the first time, and when it is another profile than the last time."""
    name, why, told = _noted()
    line = first_run_line(name, why, told)
    # Where nothing can be noted it would come after every session.
    return line if line and _write(name, why, name) else ""


def _noted() -> "tuple[str, str, str]":
    name, why, told = (*note.read(_NOTE).split("\n"), "", "", "")[:3]
    return name, why, told


def _write(*lines: str) -> bool:
    return note.write(_NOTE, "".join(f"{_one_line(line)}\n" for line in lines))


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
