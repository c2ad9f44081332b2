"""What holds for every test of this repository: the tiers and their budgets."""

from httpx._config import DEFAULT_TIMEOUT_CONFIG

from tests.testkit.tiers.thrift import pytest_collection_finish  # noqa: F401 - a hook
from tests.testkit.tiers.worker_groups import pytest_xdist_make_scheduler  # noqa: F401 - a hook
from tests.tiers import (  # noqa: F401 - hooks: pytest finds them here
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_ignore_collect,
    pytest_report_header,
    pytest_runtest_call,
    pytest_runtest_logreport,
    pytest_sessionfinish,
    pytest_terminal_summary,
    seed,
)

# What a busy machine answers after more than five seconds is an answer all the same.
for part in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, part, 60.0)
