"""A wheel, an sdist and an editable install all find what is shipped beside the code."""

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

# Where the installed package finds what it shipped.
QUESTION = """
import os
from cc_guard import paths
for kind, name in (("hooks", "cc-guard-hook"), ("profiles", "generic.toml")):
    path = os.path.join(paths.shipped(kind), name)
    assert os.path.isfile(path), path
    print(path)
"""


def _run(*command: str | Path) -> str:
    result = subprocess.run(
        command, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert result.returncode == 0, f"{' '.join(map(str, command))}\n{result.stdout}"
    return result.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist, and the wheel built from it: what is missing in the one can't be in the other."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, REPOSITORY)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist, "editable": REPOSITORY}


@pytest.mark.parametrize("kind", ["wheel", "sdist", "editable"])
def test_an_install_is_complete(kind: str, distributions: dict[str, Path], tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", symlinks=True)
    bin_ = tmp_path / "venv" / "bin"
    what = ["--editable", str(distributions[kind])] if kind == "editable" else [str(distributions[kind])]
    # Without dependencies, which nothing here needs. The build tool comes by itself, as it does for a user.
    pip = (sys.executable, "-m", "pip", "--python", bin_ / "python", "--disable-pip-version-check")
    _run(*pip, "install", "--quiet", "--no-deps", *what)

    found = _run(bin_ / "python", "-c", QUESTION).splitlines()
    inside = REPOSITORY if kind == "editable" else tmp_path / "venv"
    assert [Path(path).is_relative_to(inside) for path in found] == [True, True]
    assert os.access(found[0], os.X_OK), "the hook lost its executable bit"
    assert _run(bin_ / "cc-guard", "--version").startswith("cc-guard ")
    assert _run(bin_ / "python", "-m", "cc_guard", "--version").startswith("cc-guard ")
    assert "_cc_guard" in _run(bin_ / "cc-guard", "completion", "bash")
    _run(*pip, "uninstall", "--quiet", "--yes", "cc-guard")
    left = [path for path in (tmp_path / "venv").rglob("*") if re.search("cc.guard", path.name)]
    assert left == [], "removing it has left something behind"
