"""What the documentation says of the code is so."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cc_guard import cli
from cc_guard.commands.words import COMMANDS, OPTIONS
from cc_guard.remedies.registry import all_remedies
from cc_guard.settings import Settings
from tests.docs import __main__ as made
from tests.docs import reference

HERE = Path(__file__).resolve().parents[2]
README, JAPANESE = HERE / "README.md", HERE / "README.ja.md"
PAGES = (README, JAPANESE, HERE / "tests" / "README.md", *sorted((HERE / "docs").glob("*.md")))
TEST_COMMAND = re.compile(r"^    (python3 -m venv .*-m pytest)$", re.MULTILINE)


def blocks(page: Path) -> list[str]:
    """The indented ones."""
    return re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", page.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", made.FILES, ids=lambda path: path.name)
def test_what_is_made_from_the_code_is_up_to_date(path: Path) -> None:
    assert path.read_text() == made.FILES[path](), "to write it anew: python -m tests.docs"


def test_all_that_there_is_is_in_the_reference() -> None:
    text = reference.remedies()
    for remedy in all_remedies():
        assert f"### `{remedy.id}`" in text
    assert set(reference.UNDO) <= {remedy.id for remedy in all_remedies()}
    for name in reference.shipped():
        assert f"`{name}`" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HERE)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", page.read_text())
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, part = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not part or part in anchors(target), link


def anchors(page: Path) -> set[str]:
    """As GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HERE)))
def test_commands_and_options_that_are_shown_exist(page: Path) -> None:
    known = {command.name: command for command in COMMANDS}
    ours = {option.name for option in OPTIONS} | {"--help", "--version"}
    shown = re.findall(r"(?:`|^    (?:\$ )?|\| )cc-guard ([^`\n|#]*)", page.read_text(), re.MULTILINE)
    for line in shown:
        words = line.split()
        while words and words[0].startswith("--") and words[0] != "--":
            option = words.pop(0).partition("=")[0]
            assert option in ours, line
            takes = next((one.takes for one in OPTIONS if one.name == option), "")
            if takes and words and not words[0].startswith("--"):
                words.pop(0)
        if not words or not words[0][0].isalpha():
            continue
        command = known.get(words[0])
        assert command is not None, line
        if command.name != "claude":
            options = {option.name for option in command.options} | {"--help"}
            assert {word for word in words if word.startswith("--")} <= options, line


def test_every_command_is_in_the_readme() -> None:
    for name in cli.COMMANDS:
        assert f"cc-guard {name}" in README.read_text(), name


@pytest.mark.parametrize("page", [README, JAPANESE], ids=lambda page: page.name)
def test_the_settings_that_are_shown_are_the_defaults(page: Path) -> None:
    (block,) = [text for text in blocks(page) if "[hold]" in text]
    shown = tomllib.loads(block)
    defaults = {key: default for key, default, _ in reference.all_settings(Settings)}
    flat = {
        f"{table}.{key}" if isinstance(values, dict) else table: value
        for table, values in shown.items()
        for key, value in (values if isinstance(values, dict) else {table: values}).items()
    }
    assert flat
    assert {key: defaults.get(key) for key in flat} == flat


def test_both_readmes_have_the_same_parts() -> None:
    def shape(page: Path) -> list[str]:
        return re.findall(r"^(#+) ", page.read_text(), re.MULTILINE)

    def commands(page: Path) -> list[str]:
        lines = [line for block in blocks(page) for line in block.splitlines()]
        return [line.partition("  #")[0].rstrip() for line in lines]

    def links(page: Path) -> set[str]:
        found = re.findall(r"\]\(((?:docs|tests)/[^)#]+)", page.read_text())
        return set(found)

    assert shape(JAPANESE) == shape(README)
    assert commands(JAPANESE) == commands(README)
    assert links(JAPANESE) == links(README)


def test_ci_finds_the_test_command() -> None:
    assert len(TEST_COMMAND.findall(README.read_text())) == 1
    assert TEST_COMMAND.findall(JAPANESE.read_text()) == TEST_COMMAND.findall(README.read_text())


def test_every_long_proof_is_listed() -> None:
    text = (HERE / "tests" / "README.md").read_text()
    for path in sorted((HERE / "tests" / "proofs").glob("*.py")):
        if "argparse" in path.read_text():
            assert f"`tests.proofs.{path.stem}" in text, path.stem
    for module in re.findall(r"`(tests\.[\w.]+)", text):
        assert (HERE / f"{module.replace('.', '/')}.py").exists() or (
            HERE / module.replace(".", "/") / "__main__.py"
        ).exists(), module


def test_stale_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "causes.md"
    monkeypatch.setattr(made, "FILES", {page: reference.causes})
    assert made.main(["--check"]) == 1
    assert not page.exists()
    assert made.main([]) == 0
    assert made.main(["--check"]) == 0


def test_the_pictures_fetch_nothing() -> None:
    pictures = sorted((HERE / "docs" / "pictures").glob("*.svg"))
    assert pictures
    for picture in pictures:
        assert not re.search(r"url\(.?http|<image|<script|xlink:href", picture.read_text()), picture.name


def test_the_commands_themselves_start() -> None:
    for module in ("tests.docs", "tests.docs.picture"):
        subprocess.run([sys.executable, "-m", module, "--help"], cwd=HERE, check=True, capture_output=True)
