"""Stand-ins for tools that this machine does not have: macOS', Windows', Tart's, Docker's.

    put(folder, "tart", "sysctl")          the fakes alone, in a folder for the PATH
    monkeypatch.setenv("FAKE_TART", …)     what one of them says

Each is a small script beside this file that replays what is documented of the real tool, and says where. They
were not compared with the real tools: nothing of this was ever run on macOS or Windows.
"""

from pathlib import Path

HERE = Path(__file__).parent


def put(folder: Path, *names: str) -> Path:
    """Makes `folder`, with links to the fakes of these names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).symlink_to(HERE / name)
    return folder
