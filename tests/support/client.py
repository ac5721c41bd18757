"""The real Claude Code from npm, pinned, in a cache outside the repository, and a home for a quiet start."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VERSIONS = ("1.0.120", "2.0.60", "2.1.330")

API_KEY = "sk-ant-api03-" + "stand-in-" * 10 + "AA"
_KEPT = ("PATH", "SHELL", "USER", "LOGNAME", "TMPDIR", "TZ")


class InstallError(Exception):
    """npm could not give us the client; the text says why."""


def cache_folder() -> Path:
    return Path(os.environ.get("CC_GUARD_TEST_CACHE") or "~/.cache/cc-guard-tests").expanduser()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def installed(version: str) -> Path:
    """The `claude` executable of `version`, installed first if need be. Raises InstallError."""
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    claude = cache / version / "node_modules" / ".bin" / "claude"
    with _locked(cache / f"{version}.lock"):
        if not claude.exists():
            _install(version, cache / version)
    return claude


def _install(version: str, target: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise InstallError("npm is not installed")
    work = Path(tempfile.mkdtemp(prefix=f"{version}-", dir=target.parent))
    try:
        package = f"@anthropic-ai/claude-code@{version}"
        command = [
            npm,
            "install",
            "--prefix",
            str(work),
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
            package,
        ]
        run = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if run.returncode:
            raise InstallError(f"npm install {package}: {run.stderr.strip() or run.returncode}")
        said = subprocess.run(
            [work / "node_modules" / ".bin" / "claude", "--version"],
            capture_output=True,
            text=True,
            timeout=60,
            env=clean_environment(work / "home"),
        )
        if not said.stdout.startswith(version):
            raise InstallError(f"{package} does not run: {(said.stdout + said.stderr).strip()}")
        work.rename(target)
    except subprocess.TimeoutExpired as error:
        raise InstallError(str(error)) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def clean_environment(home: Path) -> dict[str, str]:
    """An environment of its own: nothing of the outer one but what programs need to be found and run."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_RUNTIME_DIR": str(home / ".run"),
    }


def client_home(
    tmp: Path, version: str, cwd: Path, url: str, ca: Path | None = None, theme: str = "dark"
) -> dict[str, str]:
    """Makes `tmp`/home, in which `version` starts in `cwd` without a question, and gives the environment
    for a run against the API at `url` (whose CA is `ca`)."""
    home = tmp / "home"
    (home / ".run").mkdir(parents=True, mode=0o700)
    settings: dict[str, object] = {
        "hasCompletedOnboarding": True,
        "lastOnboardingVersion": version,
        "lastReleaseNotesSeen": version,
        "theme": theme,
        "numStartups": 5,
        "autoUpdates": False,
        # 2.1.330 tells and asks these once; 3 is how often it asks for the fullscreen renderer at most.
        "hasSeenAutoDefaultNotice": True,
        "hasSeenAutoDefaultNudge": True,
        "fullscreenUpsellSeenCount": 3,
        "customApiKeyResponses": {"approved": [API_KEY[-20:]], "rejected": []},
        "projects": {
            str(cwd.resolve()): {
                "hasTrustDialogAccepted": True,
                "hasCompletedProjectOnboarding": True,
                "allowedTools": [],  # 1.0.120 does not start without
            }
        },
    }
    if version.startswith("0."):
        settings["primaryApiKey"] = API_KEY  # these take the key from the environment with -p alone
    (home / ".claude.json").write_text(json.dumps(settings))
    # 2.1.330 starts in auto mode, whose checks the stand-in cannot answer.
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_text('{"permissions": {"defaultMode": "default"}}')
    environment = clean_environment(home) | {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": API_KEY,
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    if ca is not None:
        environment["NODE_EXTRA_CA_CERTS"] = str(ca)
    return environment


def sign_in(home: Path) -> None:
    """A made-up login of an account, in a home that the client has used."""
    made_up = "made-up-" * 8
    login = {
        "accessToken": f"sk-ant-oat01-{made_up}",
        "refreshToken": f"sk-ant-ort01-{made_up}",
        "expiresAt": int((time.time() + 8 * 3600) * 1000),
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
    }
    (home / ".claude").mkdir(exist_ok=True)
    (home / ".claude" / ".credentials.json").write_text(json.dumps({"claudeAiOauth": login}))
    (home / ".claude.json").write_text(json.dumps({"hasCompletedOnboarding": True, "numStartups": 5}))


def box_shown(screen: str) -> bool:
    """Whether the client's input box is there. Its sign is followed by a no-break space, that of a prompt
    in the conversation by a blank. Clients up to 1.0 draw a frame of lines around it."""
    return re.search(r"^(?:│[ \xa0])?[>❯]\xa0", screen, re.MULTILINE) is not None
