"""Style and types, as tests, so that one command checks everything."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_check() -> None:
    run("ruff", "check")


def test_ruff_format() -> None:
    run("ruff", "format", "--check")


def test_mypy_strict() -> None:
    run("mypy")
