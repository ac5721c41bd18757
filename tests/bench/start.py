"""Start: from the fork of the wrapper to the first bytes of the child at the outer terminal, in ms.

Each round starts every contestant once and waits until all its processes have ended before the next.
The first round warms the caches and is not counted.
"""

from .lab import Lab, turns
from .plan import Plan
from .session import READY, READY_WITHIN, SessionFailed


def measure(lab: Lab, plan: Plan) -> dict[str, list[float]]:
    contestants = {contestant.name: contestant for contestant in lab.contestants}
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(plan.start_rounds + 1):
        for name in turns(list(times), round_):
            session = lab.open(contestants[name], "first", {})
            try:
                seen = session.wait_for(READY, READY_WITHIN)
            except SessionFailed as failure:
                lab.note(name, str(failure))
                del times[name]
            else:
                if round_ > 0:
                    times[name].append((seen - session.started) * 1000)
            finally:
                lab.close(session)
    return times
