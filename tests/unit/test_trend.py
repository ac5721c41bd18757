"""Early signs: what gets worse is told before it breaks, and nothing else is."""

import random

import pytest

from cc_guard.detect.trend import RECENT, Sign, Trend
from cc_guard.incident.record import Kind, Symptom


class Session:
    """Requests, each with its fate."""

    def __init__(self) -> None:
        self.trend = Trend()
        self.now = 1000.0

    def request(self, retries: int = 0, seconds: float = 2.0, kind: Kind = "connection") -> None:
        self.trend.asked(self.now)
        self._suffer(retries, kind)
        self.now += seconds
        self.trend.answered(self.now)
        self.now += 10

    def lost(self, retries: int = 10, kind: Kind = "connection", confirmed: bool = True) -> None:
        self.trend.asked(self.now)
        self._suffer(retries, kind)
        self.now += 180
        self.trend.suffered(Symptom(self.now, kind, "failed", confirmed=confirmed))

    def _suffer(self, retries: int, kind: Kind) -> None:
        for attempt in range(1, retries + 1):
            self.trend.suffered(Symptom(self.now, kind, "retrying", attempt=attempt))
            self.trend.suffered(Symptom(self.now, kind, "retrying", attempt=attempt))  # its countdown

    def requests(self, number: int, retries: int = 0, seconds: float = 2.0) -> None:
        for _ in range(number):
            self.request(retries, seconds)

    @property
    def sign(self) -> Sign | None:
        return self.trend.sign()


@pytest.fixture
def session() -> Session:
    return Session()


def test_ports_run_out_in_wsl2(session: Session) -> None:
    """An hour of good work, then one request in three needs a retry, then each, then none gets through."""
    session.requests(30)
    assert session.sign is None
    told = []
    for retries in (0, 0, 1, 0, 1, 0, 2, 3):
        session.request(retries)
        told.append(session.sign is not None)
    assert told == [False, False, False, False, True, True, True, True], "with the second one"
    sign = session.sign
    assert sign is not None
    assert sign.text == "Getting worse: 4 of the last 6 requests needed a retry, 0 of 6 before."
    assert sign.evidence == {"troubled": 4, "requests": 6, "share_before": 0.0, "retries": 7}
    session.lost()
    assert session.sign is not None


def test_a_failure_is_trouble_even_where_no_retry_was_shown(session: Session) -> None:
    session.requests(12)
    session.lost(retries=0)
    session.lost(retries=0)
    assert session.sign is not None


@pytest.mark.parametrize("kind", ["bad_request", "too_large", "auth", "usage_limit"])
def test_a_request_that_was_refused_says_nothing_of_the_path(session: Session, kind: Kind) -> None:
    session.requests(12)
    for _ in range(4):
        session.lost(retries=0, kind=kind)
    assert session.sign is None


def test_a_failure_that_nobody_confirms_is_not_counted(session: Session) -> None:
    session.requests(12)
    for _ in range(4):
        session.lost(retries=0, confirmed=False)
    assert session.sign is None


def test_one_blip(session: Session) -> None:
    session.requests(12)
    session.request(retries=9)
    session.requests(RECENT)
    assert session.sign is None


def test_two_blips_far_from_each_other(session: Session) -> None:
    session.requests(12)
    for _ in range(3):
        session.request(retries=1)
        assert session.sign is None
        session.requests(RECENT)


def test_trouble_that_was_there_from_the_beginning_is_not_getting_worse(session: Session) -> None:
    for _ in range(30):
        session.request(retries=1)
        assert session.sign is None
    mixed = Session()
    for number in range(40):
        mixed.request(retries=number % 2)
        assert mixed.sign is None


def test_the_same_trouble_that_takes_more_and_more_attempts_is(session: Session) -> None:
    """Half of them fail, as before: but where one retry did, now nine are needed."""
    for number in range(20):
        session.request(retries=number % 4 == 0)
    for retries in (9, 9, 9, 9, 9, 9):
        session.request(retries)
    assert session.sign is not None


def test_few_requests_say_nothing(session: Session) -> None:
    for _ in range(2 * RECENT - 1):
        assert session.sign is None
        session.request(retries=3)
    young = Session()
    young.requests(5)
    for _ in range(RECENT):
        young.request(retries=3)
        assert young.sign is None


def test_it_is_over_when_requests_go_through_again(session: Session) -> None:
    session.requests(12)
    session.requests(4, retries=2)
    assert session.sign is not None
    session.requests(RECENT)
    assert session.sign is None


def test_what_the_user_stopped_says_nothing(session: Session) -> None:
    session.requests(12)
    for _ in range(6):
        session.trend.asked(session.now)
        session.trend.suffered(Symptom(session.now, "connection", "retrying", attempt=3))
        session.trend.given_up()
        session.trend.answered(session.now + 5)  # the rest of it, which comes late
    assert session.sign is None
    session.request()
    assert session.sign is None, "and leaves nothing behind"


# Slower


def test_answers_that_take_longer_and_longer(session: Session) -> None:
    session.requests(12, seconds=2.0)
    session.requests(RECENT - 1, seconds=14.0)
    assert session.sign is None
    session.request(seconds=12.0)
    sign = session.sign
    assert sign is not None
    assert sign.text == "Getting worse: each of the last 6 answers took 12 s or more to begin, 2 s before."
    assert sign.evidence == {"first_words_s": 12.0, "first_words_before_s": 2.0, "requests": 6}


def test_slow_from_the_beginning(session: Session) -> None:
    for _ in range(40):
        session.request(seconds=45.0)
        assert session.sign is None


def test_a_little_slower(session: Session) -> None:
    """Four times as long, but that is still nothing."""
    session.requests(12, seconds=0.8)
    session.requests(RECENT, seconds=3.2)
    assert session.sign is None


def test_long_answers_among_short_ones(session: Session) -> None:
    """A long piece of code is in the transcript when it is complete: that says nothing of the path."""
    session.requests(12, seconds=2.0)
    for seconds in (40.0, 3.0, 60.0, 45.0, 50.0, 38.0):
        session.request(seconds=seconds)
        assert session.sign is None


def test_a_clock_that_is_set_back(session: Session) -> None:
    session.requests(12)
    session.trend.asked(session.now)
    session.trend.answered(session.now - 3600)
    assert session.sign is None


def test_an_answer_in_pieces_is_one_request(session: Session) -> None:
    session.requests(12)
    session.trend.asked(session.now)
    for second in range(30):
        session.trend.answered(session.now + second)
    session.requests(2, retries=1)
    sign = session.sign
    assert sign is not None
    assert sign.evidence["requests"] == RECENT


def test_a_day_of_work_takes_no_memory_and_gives_no_alarm_of_its_own() -> None:
    """A path on which every tenth request needs a retry, by chance: signs are rare."""
    chance = random.Random(7)
    session = Session()
    signs = 0
    for _ in range(3000):
        session.request(retries=int(chance.random() < 0.1), seconds=chance.lognormvariate(1.0, 0.8))
        signs += session.sign is not None
    assert signs < 3000 * 0.06
    assert len(session.trend._requests) <= 30
