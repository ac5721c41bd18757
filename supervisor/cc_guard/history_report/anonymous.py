"""Takes out of a text who and where it comes from: paths below home, the user's and this machine's names, and
addresses. In doubt it takes out: what is left is meant for strangers.

The labels that stand in for addresses are numbered, so that two lines about one address can still be seen to
be about one.
"""

import contextlib
import ipaddress
import os
import re
import socket
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cc_guard.redact import redact

HOME = "[path in home]"
USER = "[user]"
HOST = "[host]"

_IN_PATH = r"[^\s\"'`<>|,;)\]}]"
_WORD = r"[^\s/\\:,;\"'`()~]"
# The end of a path in a sentence. Names with spaces: up to three words more, when a slash follows.
_REST = rf"{_IN_PATH}*(?:(?: {_WORD}+){{0,3}} {_WORD}+[/\\](?!/){_IN_PATH}*)*"
# Every system's place for homes: Windows' as seen from WSL, the host's as seen from a container.
_ANY_HOME = r"(?:(?<![A-Za-z])[A-Za-z]:)?[/\\]{1,4}(?:home|Users)[/\\]{1,4}[^\s/\\\"'`<>|,;)\]}]+"
# Also what is left of a path whose beginning was masked as a secret.
_TILDE = r"(?:(?<![\w/~])~[\w.-]*|\*\*\*)[/\\]"
# As the client names the folder of a project's transcripts: with dashes for all but letters and digits.
_DASHED = r"(?<![A-Za-z0-9])-(?:home|Users)-[A-Za-z0-9][A-Za-z0-9-]*"

_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
# Names that only the own network knows: RFC 6762, RFC 8375, and what offices and routers use.
_INNER = re.compile(
    r"(?i)(?<![\w.-])(?:[\w-]{1,63}\.){1,8}(?:local|localdomain|lan|internal|intranet|corp|home|home\.arpa)"
    r"(?![\w-])"
)
# With dashes as in the names that providers give to addresses.
_IPV4 = re.compile(r"(?<!\d)\d{1,3}(?:[.-]\d{1,3}){3,}(?!\d)")
_COLONS = re.compile(r"[0-9A-Fa-f.]{0,64}:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[\w.-]+)?")
_MAC = re.compile(r"[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){5}")


@dataclass(frozen=True)
class Identity:
    """What must not be told. Homes are absolute paths."""

    homes: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    @classmethod
    def here(cls, environ: Mapping[str, str] = os.environ) -> "Identity":
        """Of this user on this machine."""
        homes = {environ.get("HOME", ""), environ.get("USERPROFILE", ""), os.path.expanduser("~")}
        users = {environ.get(name, "") for name in ("USER", "LOGNAME", "USERNAME", "SUDO_USER")}
        hosts = {environ.get(name, "") for name in ("HOSTNAME", "HOST", "COMPUTERNAME", "NAME")}
        account = _account()
        if account is not None:
            name, full_name, folder = account
            users |= {name, full_name}
            homes.add(folder)
        with contextlib.suppress(OSError):
            hosts |= {socket.gethostname(), os.uname().nodename}
        homes |= {os.path.realpath(home) for home in homes if home}
        users |= {os.path.basename(home.rstrip("/\\")) for home in homes}
        hosts |= {host.partition(".")[0] for host in hosts}
        return cls(tuple(sorted(homes)), tuple(sorted(users)), tuple(sorted(hosts)))


class Scrubber:
    """One for a document: its labels are numbered. `addresses`: leave IP and hardware addresses in."""

    def __init__(self, identity: Identity, addresses: bool = False) -> None:
        self._addresses = addresses
        self._labels: dict[str, str] = {}
        homes = [re.escape(one) for one in _spellings(_homes(identity.homes))]
        dashed = [re.escape(re.sub(r"[^A-Za-z0-9]", "-", one)) for one in _homes(identity.homes)]
        own = "|".join(sorted(homes, key=len, reverse=True))
        home = f"(?:{own}|{_ANY_HOME})(?![\\w-])" if own else _ANY_HOME
        quoted = rf"([\"'`])(?:{home})[^\"'`\n]*\1"
        self._home = re.compile(rf"(?i){quoted}|(?:(?:{home})|{_TILDE}){_REST}|{_DASHED}")
        self._dashed = re.compile(
            rf"(?i)(?<![A-Za-z0-9])(?:{'|'.join(dashed)})(?![A-Za-z0-9])[\w-]*" if dashed else r"(?!)"
        )
        self._users = _words(one for one in identity.users if one.lower() != "root")
        self._hosts = _words(one for one in identity.hosts if not one.lower().startswith("localhost"))

    def text(self, text: str) -> str:
        """`text` without any of it, and without secrets."""
        text = self._home.sub(HOME, text)
        text = redact(self._dashed.sub(HOME, text))
        text = _MAIL.sub(USER, text)
        if not self._addresses:
            text = _COLONS.sub(self._colons, text)
            text = _IPV4.sub(self._ipv4, text)
        text = _INNER.sub(HOST, text)
        text = self._hosts.sub(HOST, text)
        return self._users.sub(USER, text)

    def value(self, value: Any) -> Any:
        """JSON data, with every text in it scrubbed."""
        if isinstance(value, str):
            # All of it is the path, with whatever characters a file's name may have.
            return HOME if self._home.match(value) and "\n" not in value else self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        return [self.value(item) for item in value] if isinstance(value, list) else value

    def _colons(self, match: re.Match[str]) -> str:
        run = match.group()
        end = run[-1] if run[-1] in ".:" and not run.endswith("::") else ""
        core = run.removesuffix(end) if end else run
        if _MAC.fullmatch(core):
            return self._label(core, "hardware address") + end
        if "::" not in core and core.count(":") < 7:
            return run  # a time of day, a port
        around = match.string[max(0, match.start() - 1) : match.start()] + match.string[match.end() :][:1]
        if core == "::" or (re.search(r"[^\W\d]", around) and not re.search(r"\d", core)):
            return run  # std::string
        return self._label(core, "IPv6") + end

    def _ipv4(self, match: re.Match[str]) -> str:
        return self._label(match.group(), "IPv4")

    def _label(self, address: str, kind: str) -> str:
        key = address.lower()
        if key not in self._labels:
            self._labels[key] = f"[{_sort(key)}{kind} {len(self._labels) + 1}]"
        return self._labels[key]


def _sort(address: str) -> str:
    """What helps to understand an incident and tells nobody where it was."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if known.is_loopback:
        return "loopback "
    if known.is_link_local:
        return "link-local "
    return "private " if known.is_private else "public "


def _account() -> tuple[str, str, str] | None:
    """Name, full name and home of this user, by the system's own list."""
    import pwd

    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        return None
    return entry.pw_name, entry.pw_gecos.partition(",")[0], entry.pw_dir


def _homes(homes: Iterable[str]) -> Iterator[str]:
    """Those that say something: the root folder is home to some accounts of containers."""
    for home in homes:
        short = home.rstrip("/\\")
        if os.path.isabs(home) and short:
            yield short


def _spellings(names: Iterable[str]) -> set[str]:
    """As they may stand in a text: macOS takes letters apart, URLs write them in percent."""
    found = set()
    for name in names:
        for form in ("NFC", "NFD"):
            one = unicodedata.normalize(form, name)
            found |= {one, quote(one, errors="replace"), one.replace("\\", "\\\\")}
    return found - {""}


def _words(names: Iterable[str]) -> re.Pattern[str]:
    """Any of the names as a word of its own, in any case."""
    found = sorted(_spellings(name.strip() for name in names), key=len, reverse=True)
    if not found:
        return re.compile(r"(?!)")
    return re.compile(rf"(?i)(?<![^\W_])(?:{'|'.join(map(re.escape, found))})(?![^\W_])")
