"""`--record`: the whole session is in the file, to its last byte, and the session is what it was without."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from cc_guard.relay import link
from tests.relay.clients import BLAST, KEYS, READY, SIZES, SLEEP
from tests.relay.conftest import Open
from tests.relay.harness import Outer, Word, guarded, patched, python
from tests.relay.test_link import Ends

KEY = "sk-ant-api03-Zm9vYmFyYmF6-qX7_tR2kLw9PzN4vB8sHc3JdE5uGyA"


@pytest.fixture
def cast(tmp_path: Path) -> Path:
    return tmp_path / "a.cast"


def recorded(cast: Path, *options: str) -> list[str]:
    return ["--record", str(cast), *options]


def patient(cast: Path, argv: list[Word]) -> list[Word]:
    """Recorded by a relay that waits long at the end: on a busy machine the guard, who gives way to all
    others, is slow."""
    waits = "from cc_guard.relay import guard_process\nguard_process._RECORDING_WAIT_S = 60.0"
    return patched(f"{waits}\nsys.argv[1:1] = {recorded(cast)}", argv)


def events(cast: Path) -> list[Any]:
    return [json.loads(line) for line in cast.read_text().split("\n")[1:-1]]


def shown(cast: Path, code: str = "o") -> str:
    return "".join(data for _, kind, data in events(cast) if kind == code)


def begun(cast: Path) -> bool:
    return cast.exists() and cast.stat().st_size > 0


def text(size: int) -> bytes:
    """Coloured and in many alphabets."""
    line = "\x1b[3%dmgrößer ● 日本 %s\x1b[m %d\r\n"
    data = "".join(line % (n % 8, "x" * (n % 90), n) for n in range(size // 40)).encode()
    return data[: data.rindex(b"\n", 0, size) + 1]


def test_a_client_that_writes_5_mb_and_ends_at_once(open_outer: Open, cast: Path, tmp_path: Path) -> None:
    data = text(5 << 20)
    (tmp_path / "material").write_bytes(data)
    outer = open_outer(patient(cast, python(BLAST, str(tmp_path / "material"))))
    assert outer.wait(60) == 0
    assert outer.output == data
    assert shown(cast).encode() == data
    assert shown(cast, "m") == ""
    assert cast.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("options", [(), ("--observe",), ("--no-hold",)])
def test_a_client_that_says_one_word(options: tuple[str, ...], open_outer: Open, cast: Path) -> None:
    """Such a one gets no guard otherwise."""
    outer = open_outer(guarded(["/bin/echo", "hi"], *recorded(cast, *options)))
    assert outer.wait() == 0
    assert outer.output == b"hi\r\n"
    outer.nothing_remains()
    header = json.loads(cast.read_text().split("\n")[0])
    assert (header["width"], header["height"], header["command"]) == (120, 40, "/bin/echo hi")
    assert shown(cast) == "hi\r\n"


def test_sizes_and_no_keys(open_outer: Open, cast: Path) -> None:
    outer = open_outer(guarded(python(SIZES), *recorded(cast)))
    outer.wait_for(READY)
    outer.resize(50, 90)
    outer.wait_for(b"<50 90 0 0>")
    outer.type(b"secret-typed-text")
    outer.type(b"q")
    assert outer.wait() == 0
    outer.nothing_remains()
    assert [data for _, code, data in events(cast) if code == "r"] == ["90x50"]
    assert shown(cast) == outer.output.decode()
    assert "secret-typed" not in cast.read_text()


def test_the_key_of_the_environment_is_masked(open_outer: Open, env: dict[str, str], cast: Path) -> None:
    """On the terminal it is not."""
    show = "import os; print(os.environ['ANTHROPIC_API_KEY'], os.environ['HTTPS_PROXY'])"
    secrets = {"ANTHROPIC_API_KEY": KEY, "HTTPS_PROXY": "http://me:my-pass@localhost:9"}
    outer = open_outer(guarded(python(show), *recorded(cast)), env=env | secrets)
    assert outer.wait() == 0
    outer.nothing_remains()
    assert KEY.encode() in outer.output
    assert shown(cast) == f"{'*' * len(KEY)} http://me{'*' * 9}localhost:9\r\n"


def test_the_guard_is_killed(open_outer: Open, cast: Path) -> None:
    """The next one goes on in the same file."""
    outer = open_outer(guarded(python(KEYS), *recorded(cast)))
    outer.wait_for(READY)
    outer.type(b"a")
    outer.wait_for(b"[a]")
    outer.until(lambda: begun(cast) and "[a]" in shown(cast), "nothing is written")
    first = outer.guard()
    first.kill()
    outer.until(lambda: "guard restarted" in shown(cast, "m"), "not continued")
    outer.type(b"bq")
    assert outer.wait() == 0
    outer.nothing_remains()
    assert shown(cast) == f"{READY.decode()}[a][b]"
    times = [t for t, _, _ in events(cast)]
    assert times == sorted(times)
    assert 'lost {"bytes":null}' in [data for _, _, data in events(cast)]


def test_the_guard_hangs(open_outer: Open, cast: Path) -> None:
    """Nobody waits for it longer than three seconds."""
    outer = open_outer(guarded(python(KEYS), *recorded(cast)))
    outer.wait_for(READY)
    outer.until(lambda: begun(cast), "nothing is written")
    guard = outer.guard()
    guard.suspend()
    outer.type(b"x" * 40_000)
    outer.wait_for(b"[x]" * 40_000)
    since = time.monotonic()
    outer.type(b"q")
    assert outer.wait() == 0
    assert time.monotonic() - since < 3 + 2
    guard.kill()


def test_the_file_is_deleted(open_outer: Open, cast: Path) -> None:
    """The session goes on, and so does its guard."""
    outer = open_outer(guarded(python(KEYS), *recorded(cast)))
    outer.wait_for(READY)
    outer.until(lambda: begun(cast), "nothing is written")
    guard = outer.guard()
    cast.unlink()
    outer.type(b"a")
    outer.wait_for(b"[a]")
    outer.pump(0.5)
    assert guard.is_running()
    outer.type(b"q")
    assert outer.wait() == 0
    assert not cast.exists()


def test_a_client_that_cannot_be_run(open_outer: Open, cast: Path, tmp_path: Path) -> None:
    script = tmp_path / "broken"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    outer = open_outer(guarded([str(script)], *recorded(cast)))
    assert outer.wait() == 127
    assert outer.restored


def test_a_file_that_is_not_empty(open_outer: Open, cast: Path, tmp_path: Path) -> None:
    cast.write_text("precious")
    outer = open_outer(guarded(python("open('ran', 'w')"), *recorded(cast)))
    assert outer.wait() == 2
    assert b"exists and is not empty" in outer.output
    assert outer.output.count(b"\n") == 1
    assert cast.read_text() == "precious"
    assert not (tmp_path / "ran").exists()


def test_without_a_terminal(env: dict[str, str], cast: Path) -> None:
    done = subprocess.run(
        guarded(["/bin/echo", "hi"], *recorded(cast)), env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "hi\n"
    assert done.stderr == "cc-guard: nothing is recorded without a terminal.\n"
    assert not cast.exists()


def test_inside_cc_guard(open_outer: Open, env: dict[str, str], cast: Path) -> None:
    outer = open_outer(guarded(["/bin/echo", "hi"], *recorded(cast)), env=env | {"CC_GUARD": "1"})
    assert outer.wait() == 0
    assert outer.output == b"cc-guard: nothing is recorded inside another cc-guard.\r\nhi\r\n"
    assert not cast.exists()


def test_no_output_is_dropped_for_a_guard_that_is_slow(open_outer: Open, cast: Path, tmp_path: Path) -> None:
    """What would be dropped otherwise waits in the relay; without `--record` that stays small."""
    data = text(6 << 20)
    (tmp_path / "material").write_bytes(data)
    wait = (
        f"import time, sys\nsys.stdout.write('{READY.decode()}'); sys.stdout.flush()\nsys.stdin.readline()\n"
    )
    client = python(f"{wait}{BLAST}time.sleep(1)\n", str(tmp_path / "material"))
    outer = open_outer(patient(cast, client))
    outer.wait_for(READY)
    outer.until(lambda: begun(cast), "nothing is written")
    guard = outer.guard()
    guard.suspend()
    outer.type(b"\r")
    outer.until(lambda: outer.output.endswith(data[-1000:]), "output is missing", 60)
    assert psutil.Process(outer.pid).memory_info().rss > len(data)
    guard.resume()
    assert outer.wait(60) == 0
    told = outer.output.find(b"cc-guard: the profile of this machine")  # once, after the session
    assert shown(cast).encode() == (outer.output if told < 0 else outer.output[:told])
    assert shown(cast, "m") == ""


def test_the_limit_of_the_queue() -> None:
    for limit in (link.QUEUE_LIMIT, 1 << 20):
        ends = Ends()
        relay = link.GuardLink(os.dup(ends.relay.read_fd), os.dup(ends.relay.write_fd), limit)
        piece = bytes(1000)
        sent = 0
        while relay.queued + len(piece) <= limit:
            sent += 1
            relay.output(piece, sent * len(piece))
        assert relay.queued > 0.9 * limit
        relay.output(piece, (sent + 1) * len(piece))
        relay.output(piece, (sent + 2) * len(piece))
        assert relay.queued < limit / 2
        relay.close()
        ends.close()


def test_a_session_that_is_not_recorded_knows_nothing_of_it(open_outer: Open) -> None:
    outer: Outer = open_outer(guarded(python(SLEEP)))
    outer.wait_for(READY)
    assert not any("record" in word for word in outer.guard().cmdline())
