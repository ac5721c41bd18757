"""All settings, in one model. Sources, the later wins: config.toml, CC_GUARD_* variables, options.

`hold.after_attempt` in the file is CC_GUARD_HOLD__AFTER_ATTEMPT in the environment. Importing this costs
200 ms and 25 MB: programs that have to be lean use `settings_cache`, which runs this module as a child.
"""

import difflib
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, computed_field, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from cc_guard import paths
from cc_guard.settings_cache import PREFIX, SettingsError, variables

_SHOWN_VALUE = 40


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Hold(_Table):
    """Pausing the client while the API is gone."""

    enabled: bool = True
    after_attempt: int = Field(default=2, ge=1)
    """Pause from this retry of the client on. Not the first: most failures are over by then."""
    release_key: str = "ctrl-]"
    """Pressed while the client is paused, lets it go on at once."""

    @field_validator("release_key")
    @classmethod
    def _control_key(cls, value: str) -> str:
        key = value.lower()
        if not re.fullmatch(r"ctrl-[a-z\\\]^_]", key):
            raise ValueError("It has to be ctrl- and one of a-z \\ ] ^ _")
        if key in ("ctrl-i", "ctrl-j", "ctrl-m"):
            raise ValueError("Terminals send the same for it as for Tab or Enter")
        return key

    @computed_field  # type: ignore[prop-decorator]
    @property
    def release_byte(self) -> int:
        """What a terminal sends for `release_key`: 1 to 31."""
        return ord(self.release_key[-1].upper()) & 0x1F


class Probe(_Table):
    """Asking whether the API can be reached, while the client is in trouble."""

    interval_s: float = Field(default=0.3, ge=0.1, le=60)
    """Seconds between two probes."""
    timeout_s: float = Field(default=5.0, ge=0.1, le=60)
    """Seconds after which a probe that got no answer has failed."""


class Headless(_Table):
    """Going on with a run of `claude -p` that has lost its connection."""

    enabled: bool = True
    wait_s: float = Field(default=1800.0, ge=0, le=86400)
    """Seconds that one run may wait for the API, altogether."""


class Doctor(_Table):
    """Looking for the cause."""

    status_page: bool = True
    """Ask the service's public status page when the API answers with an error of the server."""


class History(_Table):
    """What becomes of incidents that are over."""

    keep_days: int = Field(default=365, ge=0)
    """Days after which an incident is forgotten; 0: never."""
    keep_incidents: int = Field(default=2000, ge=0)
    """How many are kept, the newest; 0: all. One has some 10 KB."""


class Title(_Table):
    """Showing the state in the terminal's title."""

    enabled: bool = True


class Screen(_Table):
    """While the client is paused and no panel is open: cc-guard's screen in its place, beside its picture."""

    enabled: bool = True


class StatusLine(_Table):
    """Saying in Claude Code's status line, where the user has one, what cc-guard waits for."""

    enabled: bool = True


class Notify(_Table):
    """Telling the terminal that the client is held, that something is asked, and that it is over."""

    osc: Literal["auto", "off"] = "auto"
    """A desktop notification, where the terminal is known to show them."""
    title: bool = True
    """Words in the window title for a question. Those of a hold have the switch title.enabled."""
    bell: bool = False
    """The terminal's bell with each of these."""


class Settings(BaseSettings):
    """What the user can choose."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    profile: str = Field(default="auto", min_length=1)
    """A profile's name, or `auto`: the one that matches this machine."""
    observe: bool = False
    """Detect and record, act on nothing."""
    panel: Literal["auto", "split", "off"] = "auto"
    """A pane for the panel beside Claude Code, where the terminal can be divided without taking the focus.
    `split`: say why not, where it can't. `off`: never."""
    panel_when: Literal["start", "incident"] = "incident"
    """Open it with the session, or when something is wrong: until then it would only take room."""
    hold: Hold = Hold()
    probe: Probe = Probe()
    headless: Headless = Headless()
    title: Title = Title()
    screen: Screen = Screen()
    statusline: StatusLine = StatusLine()
    notify: Notify = Notify()
    doctor: Doctor = Doctor()
    history: History = History()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, paths.config_file())


def read(options: Mapping[str, str]) -> Settings:
    """The settings of file, variables and `options` (by dotted name). Raises settings_cache.SettingsError."""
    _refuse_unknown_variables()
    try:
        return Settings(**_tree(options))
    except ValidationError as error:
        details = error.errors()
        more = f" ({len(details) - 1} more to correct)" if len(details) > 1 else ""
        raise SettingsError(_sentence(details[0], options) + more) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        why = f"{paths.config_file()} is not valid TOML: {error}."
        raise SettingsError(f"{why}\nCorrect it, or move the file away to use the defaults.") from error
    except OSError as error:
        raise SettingsError(f"{paths.config_file()} can't be read: {error.strerror}.") from error


def _refuse_unknown_variables() -> None:
    known = {_variable(key): key for key in _keys()}
    for name in sorted(variables()):
        if name.upper() not in known:
            advice = _advice(name[len(PREFIX) :].lower().replace("__", "."), _variable)
            raise SettingsError(f"Unknown environment variable {name}.\n{advice}")


def _sentence(detail: ErrorDetails, options: Mapping[str, str]) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    where = _origin(key, options)
    key = key if key.isprintable() else ascii(key)[1:-1]
    if detail["type"] == "extra_forbidden":
        return f"{where}: unknown key {key}.\n{_advice(key)}"
    value = ascii(detail["input"])
    if len(value) > _SHOWN_VALUE:
        value = value[:_SHOWN_VALUE] + "…"
    if detail["type"] == "model_type":
        return f"{where}: {key} = {value} is not allowed.\nIt has to be a table: [{key}]"
    reason = detail["msg"].removeprefix("Value error, ")
    return f"{where}: {key} = {value} is not allowed.\n{reason}."


def _origin(key: str, options: Mapping[str, str]) -> str:
    if key in options:
        return "Command line"
    for name, value in variables().items():
        if name.upper() == _variable(key) and value:
            return f"Environment variable {name}"
    line = _line(key)
    return paths.config_file() + (f", line {line}" if line else "")


def _line(key: str) -> int | None:
    """The line of the configuration file that sets `key` or opens the table of that name."""
    table: list[str] = []
    wanted = key.split(".")
    for number, line in enumerate(_lines(), 1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            table = path = _words(header[1])
        elif assignment := re.match(r"([^=#]+)=", line):
            path = table + _words(assignment[1])
        else:
            continue
        # `hold = {after_attempt = 0}` sets a key below the one on the line.
        if path == wanted or (path == wanted[: len(path)] and wanted[-1] in line):
            return number
    return None


def _lines() -> list[str]:
    try:
        with open(paths.config_file(), encoding="utf-8") as file:
            return file.readlines()
    except OSError:
        return []


def _words(dotted: str) -> list[str]:
    return [word.strip(" \t\"'") for word in dotted.split(".")]


def _keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """The dotted names of all settings."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _keys(inner, f"{prefix}{name}.")
        else:
            yield prefix + name


def _advice(unknown: str, spell: Callable[[str], str] = str) -> str:
    """What `unknown` most likely stands for, also when only its table is wrong or missing."""
    keys = list(_keys())
    last = {key.rpartition(".")[2]: key for key in keys}
    if found := difflib.get_close_matches(unknown, keys, 1):
        return f"Did you mean {spell(found[0])}?"
    if found := difflib.get_close_matches(unknown.rpartition(".")[2], last, 1):
        return f"Did you mean {spell(last[found[0]])}?"
    tables = {key.partition(".")[0] for key in keys if "." in key}
    table = difflib.get_close_matches(unknown.partition(".")[0], tables, 1)
    near = [key for key in keys if table and key.startswith(f"{table[0]}.")]
    return f"There are: {', '.join(spell(key) for key in near or keys)}."


def _variable(key: str) -> str:
    return PREFIX + key.upper().replace(".", "__")


def _tree(options: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in options.items():
        *tables, name = key.split(".")
        inner = tree
        for table in tables:
            inner = inner.setdefault(table, {})
        inner[name] = value
    return tree


def explicit(model: BaseModel, prefix: str = "") -> Iterator[str]:
    """The dotted names of what file, variables or options have set, be it to the default."""
    for name in sorted(model.model_fields_set):
        inner = getattr(model, name)
        if isinstance(inner, BaseModel):
            yield from explicit(inner, f"{prefix}{name}.")
        else:
            yield prefix + name


def _answer() -> None:
    """The child's side of `settings_cache`: options in as JSON, settings or an error out as JSON."""
    try:
        found = read(json.loads(sys.argv[1]))
        answer: dict[str, Any] = {
            "settings": found.model_dump(mode="json"),
            "explicit": list(explicit(found)),
        }
    except SettingsError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    _answer()
