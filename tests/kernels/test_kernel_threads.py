"""Chunks and the threads that run them; which implementation answers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from vquery_kernels import backend, threads


def test_results_come_in_the_order_of_the_tasks(monkeypatch):
    monkeypatch.setenv("VQUERY_THREADS", "3")
    assert threads.run(lambda number: -number, 50) == [-number for number in range(50)]
    assert threads.run(lambda number: number, 0) == []


def test_tasks_run_side_by_side(monkeypatch):
    monkeypatch.setenv("VQUERY_THREADS", "2")
    both = threading.Barrier(2, timeout=30)
    threads.run(lambda _: both.wait(), 2)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_error_in_a_task_reaches_the_caller(monkeypatch, workers):
    monkeypatch.setenv("VQUERY_THREADS", workers)

    def fail(number):
        raise ZeroDivisionError(number)

    with pytest.raises(ZeroDivisionError):
        threads.run(fail, 8)


def test_number_of_threads(monkeypatch):
    monkeypatch.delenv("VQUERY_THREADS", raising=False)
    assert threads.workers() >= 1
    monkeypatch.setenv("VQUERY_THREADS", "0")
    with pytest.raises(ValueError, match="VQUERY_THREADS must be a whole number from 1, got '0'"):
        threads.workers()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_has_threads_of_its_own():
    """In a process of its own: Python warns of forks beside threads, rightly, and not here."""
    program = """
import os
from vquery_kernels import threads
assert threads.run(lambda number: number, 4) == [0, 1, 2, 3]
child = os.fork()
if not child:
    os._exit(0 if threads.run(lambda number: number, 4) == [0, 1, 2, 3] else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    environment = os.environ | {"VQUERY_THREADS": "2", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], env=environment, check=True, timeout=300
    )


def python(program: str, **environment: str) -> str:
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | path | environment,
        check=True,
        timeout=300,
        capture_output=True,
        text=True,
    ).stdout


def test_numpy_answers_small_inputs_and_where_asked():
    program = """
import sys
from vquery_kernels.overlap_join import overlap_join
print(overlap_join([0], [0], [9], [0], [5], [6])[0].tolist(), "numba" in sys.modules)
"""
    assert python(program) == "[0] False\n"
    program = program.replace("print", "import vquery_kernels.backend as b; b.SMALL = -1\nprint", 1)
    assert python(program, VQUERY_KERNELS="numpy") == "[0] False\n"
    assert python(program) == "[0] True\n"


def test_small_inputs_with_many_pairs_are_compiled():
    program = """
import sys
import numpy as np
from vquery_kernels.overlap_join import overlap_join
zeros = np.zeros(1500, int)
print(overlap_join(zeros, zeros, zeros, zeros, zeros, zeros)[0].size, "numba" in sys.modules)
"""
    assert python(program) == "2250000 True\n"


def test_numpy_answers_where_numba_is_missing():
    program = """
import sys
sys.modules["numba"] = None
from vquery_kernels import backend
print(backend.backend(), backend.implementation("coalesce", 10**6).__name__)
"""
    assert python(program) == "numpy vquery_kernels.coalesce.reference\n"


def test_a_wrong_choice_is_refused(monkeypatch):
    monkeypatch.setenv("VQUERY_KERNELS", "cuda")
    backend.backend.cache_clear()
    with pytest.raises(
        ValueError, match="VQUERY_KERNELS must be 'numba', 'numpy' or 'triton', got 'cuda'"
    ):
        backend.backend()
    backend.backend.cache_clear()
