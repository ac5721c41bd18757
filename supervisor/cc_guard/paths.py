"""Where cc-guard keeps things. Lean: the start-up path imports this file, so `os` and `sys` alone.

Folders follow the XDG Base Directory Specification 0.8. Functions ending in `_dir` create their
folder with mode 0700.
"""

import os
import sys

# 108 bytes with the last zero on Linux (unix(7)), 104 on macOS (sys/un.h), less `/guard-4194304.sock`.
_LONGEST_SOCKET_DIR = (103 if sys.platform == "darwin" else 107) - 19

LOCK = "lock"  # in a session's folder, locked (flock) by the cc-guard that owns it


def _base(variable: str, fallback: str) -> str:
    value = os.environ.get(variable, "")
    # The specification: "All paths must be absolute. ... relative path ... should be ignored".
    return value if os.path.isabs(value) else os.path.join(os.path.expanduser("~"), fallback)


def _private(path: str) -> str:
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path


def config_file() -> str:
    return os.path.join(_base("XDG_CONFIG_HOME", ".config"), "cc-guard", "config.toml")


def config_signatures() -> str:
    """The user's own wordings of the client; may not exist."""
    return os.path.join(os.path.dirname(config_file()), "signatures.toml")


def config_profiles() -> str:
    """The user's own profiles; may not exist."""
    return os.path.join(os.path.dirname(config_file()), "profiles")


def state_dir() -> str:
    return _private(os.path.join(_base("XDG_STATE_HOME", ".local/state"), "cc-guard"))


def runtime_dir() -> str:
    """For sockets and what lives as long as a session: `$XDG_RUNTIME_DIR`, else the state folder."""
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(base) and os.access(base, os.W_OK):
        return _private(os.path.join(base, "cc-guard"))
    return _private(os.path.join(state_dir(), "run"))


def socket_dir() -> str:
    """For the guards' sockets: `runtime_dir()`, or where its name is too long for a socket, a folder of this
    user's in /tmp."""
    path = runtime_dir()
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_DIR:
        return path
    from binascii import crc32

    short = f"/tmp/cc-guard-{os.getuid()}-{crc32(os.fsencode(path)):08x}"
    try:
        os.makedirs(short, mode=0o700, exist_ok=True)
        status = os.lstat(short)
    except OSError:
        return path
    mine = status.st_uid == os.getuid() and status.st_mode & 0o170077 == 0o040000
    return short if mine else path


def database() -> str:
    return os.path.join(state_dir(), "history.db")


def shipped(kind: str) -> str:
    """The folder `hooks` or `profiles`, from a wheel (inside the package) or a source tree (beside it)."""
    package = os.path.dirname(os.path.abspath(__file__))
    inside = os.path.join(package, kind)
    if os.path.isdir(inside):
        return inside
    return os.path.join(os.path.dirname(os.path.dirname(package)), kind)
