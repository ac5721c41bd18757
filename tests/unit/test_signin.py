"""Signing in beside the session: what is shown of it."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from cc_guard.guard.signin import SignIn

CODE = "AbC123secret#state456"
# A readline prompt, as that of 2.1.330, repeats what is typed.
ECHOES = """#!/bin/sh
case "$1 $2" in
  "--version ") echo "$VERSION (Claude Code)" ;;
  "auth status") echo '{"loggedIn": true}' ;;
  "auth login")
    echo "visit: https://claude.ai/oauth/authorize?code=true "
    printf 'Paste code here if prompted > '; read -r code; echo "got $code"
    printf 'Paste code here if prompted > '; read -r code; echo "got $code"; sleep 0.3 ;;
esac
"""


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    program = tmp_path / "claude"
    program.write_text(ECHOES)
    program.chmod(0o755)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("VERSION", "2.1.330")
    return str(program)


def test_the_code_is_shown_to_nobody(client: str) -> None:
    async def story() -> None:
        sign_in, seen = SignIn(client), []
        asked = 0
        run = asyncio.ensure_future(sign_in.run())
        while not run.done():
            await asyncio.sleep(0.01)
            shown = sign_in.shown
            if shown is None:
                continue
            seen.append(json.dumps(shown))
            if shown["wants_code"]:
                asked += 1
                assert sign_in.code(CODE) == ""
        assert run.result() == (True, "signed in")
        assert asked == 2, "it is asked for once more"
        assert any("https://claude.ai/oauth" in text for text in seen)
        assert any("once more" in text for text in seen)
        assert not [text for text in seen if "secret" in text]
        assert sign_in.shown is None

    asyncio.run(asyncio.wait_for(story(), 20))


@pytest.mark.parametrize(("version", "fits"), [("2.1.330", True), ("2.0.60", False), ("nothing", False)])
def test_only_a_client_that_knows_the_command(
    client: str, version: str, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERSION", version)
    assert (asyncio.run(SignIn(client).why_not()) == "") == fits


def test_another_program_is_not_run_once_more(client: str) -> None:
    other = os.path.join(os.path.dirname(client), "wrapper")
    os.rename(client, other)
    assert asyncio.run(SignIn(other).why_not())
