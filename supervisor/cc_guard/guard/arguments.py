"""What the relay tells the guard at its start: `key=value` words on its command line."""

import os
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Arguments:
    """`link`: the descriptors to read from and to write to. `session` is the client's session id when we
    chose it. `folder` is the hooks' spool, or empty when our hooks were not injected. `settings` are files
    that the client got by `--settings`. `resumed`: the client continues an old conversation. `record` is the
    file of a recording, or empty, and `command` what the user started, for its header."""

    link: tuple[int, int]
    restarts: int = 0
    session: str | None = None
    folder: str = ""
    program: str = ""
    version: tuple[int, ...] | None = None
    resumed: bool = False
    settings: tuple[str, ...] = ()
    record: str = ""
    command: str = ""
    options: dict[str, str] = field(default_factory=dict)


def parse(words: list[str]) -> Arguments:
    """Raises ValueError for words that this version does not know."""
    values: dict[str, str] = {}
    options: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"not key=value: {word}")
        if key.startswith("option."):
            options[key.removeprefix("option.")] = value
        else:
            values[key] = value
    reads, writes = map(int, values.pop("link").split(","))
    arguments = Arguments(
        link=(reads, writes),
        restarts=int(values.pop("restarts", "0")),
        session=values.pop("session", "") or None,
        folder=values.pop("folder", ""),
        program=values.pop("program", ""),
        version=_version(values.pop("version", "")),
        resumed=values.pop("resumed", "") == "1",
        settings=tuple(filter(None, [values.pop("settings", "")])),
        record=values.pop("record", ""),
        command=values.pop("command", ""),
        options=options,
    )
    if values:
        raise ValueError(f"unknown words: {', '.join(values)}")
    return arguments


def working_folder() -> str:
    """Where the client was started; empty when that folder has been deleted since."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def _version(text: str) -> tuple[int, ...] | None:
    return tuple(map(int, text.split("."))) if text else None
