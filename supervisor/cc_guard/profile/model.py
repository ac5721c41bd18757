"""What may stand in a profile's file. Only the user's own files go through here: importing it costs 200 ms,
and those that came with cc-guard are checked by the tests.

Every key is optional; what a file leaves out comes from the one below it.
"""

import ipaddress
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

# IPv6 needs 1,280 (RFC 8200, section 5); no path to the Internet takes more than Ethernet's 1,500.
_LEAST_MTU, _MOST_MTU = 1280, 1500
# Below it are the ports of system services (RFC 6335, section 6). Windows takes a range of 255 or more
# (learn.microsoft.com/troubleshoot/windows-server/networking/default-dynamic-port-range-tcpip-chang).
_FIRST_PORT, _LEAST_PORTS = 1024, 255
_MOST = 1000
_MOST_MB = 2**30
_PORTS = 65536


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _no_flag(value: object) -> object:
    if isinstance(value, bool):  # which Python takes for 0 or 1
        raise ValueError("It has to be 0, 1 or 2")
    return value


def _container(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, str) and value):
        return value
    raise ValueError("It has to be true, false, or the kind of container: docker, podman, lxc …")


def _address(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise ValueError("It has to be an IP address") from None
    return value


def _off(value: object) -> object:
    return None if value is False else value


Word = Annotated[str, Field(min_length=1)]
Address = Annotated[str, AfterValidator(_address)]
Share = Annotated[Annotated[float, Field(gt=0, le=1)] | None, BeforeValidator(_off)]
Amount = Annotated[Annotated[float, Field(gt=0, le=_MOST_MB)] | None, BeforeValidator(_off)]


class Match(_Table):
    """The facts that a machine must have, all of them; of a list of values for one fact, any."""

    os: Annotated[list[Literal["linux", "macos", "other"]], BeforeValidator(_as_list)] = []
    arch: Annotated[list[Word], BeforeValidator(_as_list)] = []
    wsl: Annotated[
        list[Annotated[Literal[0, 1, 2], BeforeValidator(_no_flag)]], BeforeValidator(_as_list)
    ] = []
    wsl_network: Annotated[
        list[Literal["nat", "mirrored", "virtioproxy", "bridged", "none"]], BeforeValidator(_as_list)
    ] = []
    container: Annotated[list[Annotated[Any, AfterValidator(_container)]], BeforeValidator(_as_list)] = []
    commands: Annotated[list[Word], BeforeValidator(_as_list)] = []
    processes: Annotated[list[Word], BeforeValidator(_as_list)] = []


class Hold(_Table):
    enabled: bool = True
    after_attempt: int = Field(default=2, ge=1, le=_MOST)


class _Names(_Table):
    names: list[Word] = []


class _Dns(_Table):
    servers: list[Address] = []


class _Ports(_Table):
    start: int = Field(default=_FIRST_PORT, ge=_FIRST_PORT, le=_PORTS - _LEAST_PORTS)
    count: int = Field(default=_LEAST_PORTS, ge=_LEAST_PORTS, le=_PORTS - _FIRST_PORT)


class _Mtu(_Table):
    bytes: int = Field(default=_LEAST_MTU, ge=_LEAST_MTU, le=_MOST_MTU)


class _Clock(_Table):
    server: Word = "pool.ntp.org"


class Parameters(_Table):
    """What remedies work with: profiles/generic.toml says what each is."""

    tart: _Names = _Names()
    docker: _Names = _Names()
    orbstack: _Names = _Names()
    colima: _Names = _Names()
    dns: _Dns = _Dns()
    ports: _Ports = _Ports()
    mtu: _Mtu = _Mtu()
    clock: _Clock = _Clock()


class Warn(_Table):
    """Thresholds of early warnings; false switches one off."""

    ports_used: Share = None
    time_wait: Share = None
    conntrack_used: Share = None
    swap_used: Share = None
    memory_available_mb: Amount = None
    macos_uptime_days: Amount = None


class File(_Table):
    title: Word = ""
    extends: Word = ""
    priority: int = Field(default=0, ge=-_MOST, le=_MOST)
    match: Match = Match()
    hold: Hold = Hold()
    remedies: dict[str, Any] = {}
    parameters: Parameters = Parameters()
    warn: Warn = Warn()


def errors(content: dict[str, Any]) -> list[ErrorDetails]:
    """What is wrong with a file's keys and values, besides the policies of remedies."""
    try:
        File.model_validate(content)
    except ValidationError as error:
        return error.errors()
    return []


def keys(model: type[BaseModel] = File, prefix: str = "") -> Iterator[str]:
    """The dotted names of all keys, those of tables without a schema of their own left out."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys(inner, f"{prefix}{name}.")
        else:
            yield prefix + name
