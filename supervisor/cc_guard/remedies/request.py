"""What a guard asks for, as JSON: which incident, for whom, and what this machine's profile says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from cc_guard.diagnose import facts, route
from cc_guard.incident.record import Cause
from cc_guard.owner import Owner
from cc_guard.remedies.journal import Owners
from cc_guard.remedies.world import World


class BadRequest(ValueError):
    """It is not of this form; the text says where."""


@dataclass(frozen=True)
class Request:
    """`session` and `guard` are process ids, of the relay and the guard: a change is theirs, and counts as
    left behind when one of them is gone. `consent`: the user said yes to this remedy, now. `settings`: files
    that the client got by --settings. `tried`: ids of the remedies of this incident so far."""

    cause: Cause | None = None
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    session: int | None = None
    guard: int | None = None
    consent: bool = False
    settings: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: Any) -> "Request":
        """Keys that are not known are not looked at. Raises BadRequest."""
        if not isinstance(row, dict):
            raise BadRequest("it is no object")
        cause = row.get("cause")
        if cause is not None and cause not in get_args(Cause):
            raise BadRequest(f"there is no cause {cause!r}")
        parameters = row.get("parameters") or {}
        if not isinstance(parameters, dict) or not all(isinstance(v, dict) for v in parameters.values()):
            raise BadRequest("parameters has to be tables of values")
        return cls(
            cast(Cause | None, cause),
            parameters,
            _pid(row, "session"),
            _pid(row, "guard"),
            row.get("consent") is True,
            _texts(row, "settings"),
            _texts(row, "tried"),
        )

    def owners(self) -> Owners | None:
        """None when it names none, or not such as can be told from others."""
        if self.session is None or self.guard is None:
            return None
        owners = Owners(Owner.of(self.session), Owner.of(self.guard))
        return owners if owners.session.started and owners.guard.started else None

    def world(self, environ: Mapping[str, str], cwd: str) -> World:
        configuration = route.read(environ, cwd, self.settings)
        return World(
            environ,
            cwd,
            facts.read(),
            configuration,
            self.parameters,
            self.cause,
            self.settings,
            self.tried,
        )


def _pid(row: Mapping[str, Any], key: str) -> int | None:
    value = row.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value <= 0):
        raise BadRequest(f"{key} has to be a process id")
    return value


def _texts(row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = row.get(key) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadRequest(f"{key} has to be a list of texts")
    return tuple(value)
