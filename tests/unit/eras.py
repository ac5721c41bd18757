"""Retry rows as the clients of each era draw them."""

from collections.abc import Callable

from tests.unit.pictures import CAUSE, framed_box, idle, working, working_2_1

Draw = Callable[[int], str]
"""The picture of an attempt; 0: at work, before any."""


def pairs(attempt: int, first: int, seconds: str = "seconds") -> list[str]:
    """1.x appends a pair for each attempt and takes none away."""
    rows = []
    for n in range(first, attempt + 1):
        rows.append(
            f"  ⎿  {{R}}API Error (Connection error.) · Retrying in {n} {seconds}… (attempt {n}/10){{P}}"
        )
        rows.append(f"    ⎿  {{R}}{CAUSE}{{P}}")
    return rows


def v1_0_31(attempt: int) -> str:
    rows = ["{G}> say back again{P}", *pairs(attempt, 1), ""]
    return "\n".join(
        [*rows, "{O}✻ Envisioning…{P} {G}(0s · ↑ 0 tokens · esc to interrupt){P}", "", *framed_box()]
    )


def v1_0_120(attempt: int) -> str:
    return working("> say back again", *pairs(attempt, 4))


def v1_0_120_http(attempt: int) -> str:
    row = "  ⎿  {{R}}API Error (503 no healthy upstream) · Retrying in {n} seconds… (attempt {n}/10){{P}}"
    return working("> say x", *(row.format(n=n) for n in range(4, attempt + 1)))


def v2_0_14(attempt: int) -> str:
    rows = ["> say x", "  ⎿  {E}Unable to connect to API due to poor internet connection{P}"]
    return (
        working(*rows, f"     \x1b[2mRetrying in 4 seconds… (attempt {attempt}/10){{P}}")
        if attempt
        else working(rows[0])
    )


def v2_0_60(attempt: int) -> str:
    rows = ["> say x", "  ⎿  {E}Unable to connect to API due to poor internet connection{P}"]
    return (
        working(*rows, f"     {{G}}Retrying in 1 second… (attempt {attempt}/10){{P}}")
        if attempt
        else working(rows[0])
    )


def v2_1_30(attempt: int) -> str:
    rows = ["❯ say x", "  ⎿  {E}Unable to connect to API (ECONNRESET){P}"]
    if not attempt:
        return working_2_1(rows[0])
    return working_2_1(*rows, f"     {{G}}Retrying in 4 seconds… (attempt {attempt}/10){{P}}")


def v2_1_132_bare(attempt: int) -> str:
    row = f"  {{G}}⎿  Retrying in {attempt}s · attempt {attempt}/10{{P}}"
    return working_2_1("❯ say x", *([row] if attempt else []))


def v2_1_132_bare_after_tool(attempt: int) -> str:
    row = f"  {{G}}⎿  Retrying in {attempt}s · attempt {attempt}/10{{P}}"
    return working_2_1("● Bash(ls)", "  ⎿  one", "     two", *([row] if attempt else []))


def v2_1_132_cause(attempt: int) -> str:
    rows = [
        "  {G}⎿{P}  {E}503 no healthy upstream{P}",
        f"     {{G}}Retrying in 2s · attempt {attempt}/10{{P}}",
    ]
    return working_2_1("❯ say x", *(rows if attempt else []))


def v2_1_197(attempt: int) -> str:
    row = f"{{E}}✻ API error{{G}} · Retrying in {attempt}s · attempt {attempt}/10{{P}}"
    return working_2_1("❯ say x", spinner=row if attempt else "{O}✢ Booping…{P}")


def v2_1_330(attempt: int) -> str:
    row = f"{{E}}✻ Connection dropped (ECONNRESET){{G}} · retrying in 9s · attempt {attempt}/10{{P}}"
    return working_2_1("❯ say x", spinner=row if attempt else "{O}✢ Booping…{P}")


ERAS: dict[str, tuple[Draw, str]] = {
    "1.0.31": (v1_0_31, "connection"),
    "1.0.120": (v1_0_120, "connection"),
    "1.0.120 503": (v1_0_120_http, "server_error"),
    "2.0.14": (v2_0_14, "connection"),
    "2.0.60": (v2_0_60, "connection"),
    "2.1.30": (v2_1_30, "connection"),
    "2.1.132 bare": (v2_1_132_bare, "connection"),
    "2.1.132 bare, after a tool": (v2_1_132_bare_after_tool, "connection"),
    "2.1.132 with a cause": (v2_1_132_cause, "server_error"),
    "2.1.197": (v2_1_197, "connection"),
    "2.1.330": (v2_1_330, "connection"),
}
DONE = idle("❯ say x", "", "● back again", "", "{G}✻ Brewed for 36s{P}")
