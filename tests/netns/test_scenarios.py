"""Real faults in network namespaces, and what the diagnosis finds in them: one file in `scenarios/` each."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import unavailable
from tests.netns.namespaces import SetupError, missing
from tests.netns.scenario import Lacking, Scenario, all_of_them, diagnosed
from tests.netns.scenario import missing as unmet
from tests.netns.servers import Certificates

pytestmark = pytest.mark.timeout(240)

AT_ONCE = 3
SCENARIOS = all_of_them()
SLACK_S = 1.5  # what several at once add, and a machine with other work as often as it has too much of it

Results = dict[str, "Future[dict[str, Any]]"]


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    """All that are to be tested, several at once: most of their time is waiting."""
    if reason := missing():
        pytest.skip(reason)
    names = {item.name.partition("[")[2] for item in request.session.items}
    wanted = [one for one in SCENARIOS if f"{one.name}]" in names]
    certificates = Certificates()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            scenario.name: pool.submit(
                diagnosed, scenario, certificates, tmp_path_factory.mktemp(scenario.name)
            )
            for scenario in wanted
        }


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: str(scenario.name))
def test_what_is_found(scenario: Scenario, results: Results) -> None:
    found = _result(scenario, results)
    problems = unmet(scenario, found)
    slack_s = SLACK_S * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    if found["duration_s"] > scenario.most_s + slack_s:
        problems.append(f"it took {found['duration_s']} s")
    crashed = [row["summary"] for row in found["findings"] if "crash" in row["evidence"]]
    assert not problems + crashed, "\n".join(problems + crashed)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: str(scenario.name))
def test_the_verdict(
    scenario: Scenario, results: Results, record_property: Callable[[str, object], None]
) -> None:
    verdict = _result(scenario, results)["verdict"]
    record_property("judged", [scenario.cause, verdict["cause"] or ""])
    assert (verdict["cause"] or "") == scenario.cause, verdict


def _result(scenario: Scenario, results: Results) -> dict[str, Any]:
    try:
        return results[scenario.name].result()
    except Lacking as error:
        pytest.skip(str(error))
    except SetupError as error:
        unavailable(str(error))


def test_there_are_scenarios() -> None:
    """An empty list of parameters would be no failure."""
    assert len(SCENARIOS) >= 60
