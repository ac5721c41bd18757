"""Makes the child programs ready to run: C where there is a compiler, else their Python twins."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent / "children"
NAMES = ("first", "blast", "keys")


@dataclass(frozen=True)
class Programs:
    """Where the child programs are, and what they are made of (for the head of the table)."""

    folder: Path
    made_of: str

    def path(self, name: str) -> str:
        return str(self.folder / name)


def make(folder: Path) -> Programs:
    folder.mkdir()
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return _python(folder, "no C compiler")
    for name in NAMES:
        source = SOURCES / f"{name}.c"
        built = subprocess.run(
            [compiler, "-O2", "-o", folder / name, source], stderr=subprocess.PIPE, text=True, check=False
        )
        if built.returncode != 0:
            return _python(folder, f"{source.name}: {built.stderr.strip()[:200]}")
    version = subprocess.run([compiler, "--version"], stdout=subprocess.PIPE, text=True, check=True)
    return Programs(folder, f"C ({version.stdout.splitlines()[0]})")


def _python(folder: Path, why: str) -> Programs:
    body = (SOURCES / "fallback.py").read_text()
    for name in NAMES:
        script = folder / name
        script.write_text(f"#!{sys.executable}\n{body}")
        script.chmod(0o755)
    return Programs(folder, f"Python, slower than C in every column: {why}")
