"""Probing the path again and again while an incident is open."""

import asyncio
import os
from collections.abc import Callable, Sequence

from cc_guard.guard.arguments import working_folder
from cc_guard.incident.record import Finding
from cc_guard.probe.path import PathResult, check_path
from cc_guard.probe.route import InvalidRoute, Route, effective_environment, effective_route, settings_files


class Prober:
    """`on_result(finding, reachable)` for each probe. A probe that is still out does not hold up the next:
    on a path that swallows packets the first new answer counts, not the end of an old wait, which is told of
    no more once a later probe was answered. Where nothing can be probed, there is nothing to wait for either:
    the result is `na` and reachable."""

    def __init__(
        self,
        interval: Callable[[], float],
        timeout_s: float,
        extra_settings: Sequence[str],
        on_result: Callable[[Finding, bool], None],
    ) -> None:
        self._interval = interval
        self._timeout_s = timeout_s
        self._extra = extra_settings
        self._cwd = working_folder()
        self._on_result = on_result
        self._task: asyncio.Task[None] | None = None
        self._probes: set[asyncio.Task[None]] = set()
        self._sent = self._answered = 0

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        for task in (self._task, *self._probes):
            if task is not None:
                task.cancel()
        self._task = None
        self._probes.clear()

    @property
    def port(self) -> int:
        """Of the first machine on the way, the API or its proxy; 0 where the route is invalid."""
        try:
            route = self._route()
        except InvalidRoute:
            return 0
        return (route.proxy or route).port

    async def check(self) -> tuple[Finding, bool]:
        """One probe now. An invalid route counts as not reachable."""
        try:
            route = self._route()
            result = await check_path(route, self._timeout_s)
        except InvalidRoute as error:
            return Finding("api.path", "na", str(error)), False
        return _finding(route, result), result.ok

    def _route(self) -> Route:
        files = settings_files(os.environ, self._cwd, self._extra)
        return effective_route(effective_environment(os.environ, files))

    async def _run(self) -> None:
        try:
            route = self._route()
        except InvalidRoute as error:
            self._on_result(Finding("api.path", "na", str(error)), True)
            return
        while True:
            self._sent += 1
            probe = asyncio.create_task(self._probe(route, self._sent))
            self._probes.add(probe)
            probe.add_done_callback(self._over)
            await asyncio.sleep(self._interval())

    def _over(self, probe: "asyncio.Task[None]") -> None:
        self._probes.discard(probe)
        error = None if probe.cancelled() else probe.exception()
        if isinstance(error, Exception):
            probe.get_loop().call_exception_handler({"message": "after a probe", "exception": error})

    async def _probe(self, route: Route, number: int) -> None:
        result = await check_path(route, self._timeout_s)
        if result.ok:
            self._answered = max(self._answered, number)
        elif number < self._answered:
            return
        self._on_result(_finding(route, result), result.ok)


def _finding(route: Route, result: PathResult) -> Finding:
    evidence = {"route": str(route), "stage": result.stage, "http_status": result.http_status}
    summary = f"{route}: {result.detail}"
    return Finding("api.path", "pass" if result.ok else "fail", summary, evidence, result.ms)
