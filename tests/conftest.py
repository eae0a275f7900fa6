"""One profile for all property tests: the same examples on every machine, and no clock."""

import signal

import pytest
from hypothesis import HealthCheck, settings

from tinygrad_edu.rules.table import rows

# A job that a shell has put in the background ignores Ctrl-C, and so would the programs that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "tinygrad_edu",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
settings.load_profile("tinygrad_edu")


def pytest_collection_modifyitems(items):
    """The ten-second tour first."""
    items.sort(key=lambda item: "test_tiny.py" not in item.nodeid)


@pytest.fixture(autouse=True)
def table_as_it_was():
    """Whatever rules a test plants in the table are gone when it ends."""
    before = {row: [(name, getattr(row, name)) for name in type(row).__slots__] for row in rows().values()}
    yield
    for row, values in before.items():
        for name, value in values:
            setattr(row, name, value)
