"""What runs is found however much else is started; of what ended, the last ones are."""

from __future__ import annotations

import pytest

from vquery.web.jobs import Job
from vquery.web.register import Register
from vquery.web.wire import Refused


def test_what_runs_is_never_forgotten():
    register = Register(("query", "queries"), running=2, kept=3)
    slow = Job("query")
    register.add(slow)
    quick = [Job("query") for _ in range(10)]
    for job in quick:
        register.add(job)
        job.end("done", {})
    assert register.get(slow.id) is slow
    known = register.all()
    assert known[0] is slow
    assert known[-1] is quick[-1]
    assert len(known) <= 1 + 3 + 1
    with pytest.raises(Refused, match="no such query") as refused:
        register.get(quick[0].id)
    assert refused.value.status == 404
    slow.end("done", {})
    for _ in range(4):
        register.add(done := Job("query"))
        done.end("cancelled")
    with pytest.raises(Refused):
        register.get(slow.id)


def test_too_much_at_once_is_refused_and_not_kept():
    register = Register(("job", "jobs"), running=2, kept=3)
    running = [Job("job"), Job("job")]
    for job in running:
        register.add(job)
    with pytest.raises(Refused, match="2 jobs are running already") as refused:
        register.add(third := Job("job"))
    assert refused.value.status == 409
    with pytest.raises(Refused):
        register.get(third.id)
    running[0].cancel()
    register.add(third)
    assert register.all() == [*running, third]
