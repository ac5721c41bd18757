"""Which profiles there are, by the names of their files. Lean: `os` alone until something is wrong."""

import os

from cc_guard import paths

AUTO = "auto"
GENERIC = "generic"
SUFFIX = ".toml"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def files(folder: str) -> "dict[str, str]":
    """The path of each profile in a folder, by its name; none when the folder can't be read."""
    try:
        found = sorted(os.listdir(folder))
    except OSError:
        return {}
    return {
        name[: -len(SUFFIX)]: os.path.join(folder, name)
        for name in found
        if name.endswith(SUFFIX) and not name.startswith(".")
    }


def known() -> "list[str]":
    """All names, the user's own among them."""
    return sorted({*files(paths.shipped("profiles")), *files(paths.config_profiles())})


def unknown(name: str) -> str:
    """Why `name` can't be the profile to use, with the nearest that can; empty when it can."""
    names = known()
    if name == AUTO or name in names:
        return ""
    return f"There is no profile {shown(name)}.\n{nearest(name, [AUTO, *names])}"


def wrong(name: str) -> str:
    """Why a file can't be the profile `name`; empty when it can."""
    if name == AUTO:
        return f"A profile can't be called {AUTO}: that stands for the one that matches"
    if not name or not set(name) <= _LETTERS:
        return "The name of a profile's file has letters, digits, - _ and . alone"
    return ""


def nearest(word: str, known: "list[str]") -> str:
    """`Did you mean …?`, or all that there are."""
    import difflib

    found = difflib.get_close_matches(word, known, 1)
    return f"Did you mean {found[0]}?" if found else f"There are: {', '.join(known)}."


def shown(word: str) -> str:
    """On one line, whatever it holds."""
    return word if word.isprintable() else ascii(word)[1:-1]
