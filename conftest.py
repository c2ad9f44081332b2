"""What holds for every test of this repository: the tiers and their budgets."""

from tests.testkit.tiers.worker_groups import (  # noqa: F401 - hooks
    pytest_collect_directory,
    pytest_xdist_make_scheduler,
)
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
