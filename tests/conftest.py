"""What all tests of this folder share: tests/testkit/processes/shared_stack.py, wherever tests run."""

import pytest

from tests.tiers import runs_tests

KEY = "key-of-the-test-suite-0001"
JWT_SECRET = "secret-of-the-test-suite-that-closes-keys"


def pytest_configure(config: pytest.Config) -> None:
    if runs_tests(config):
        config.pluginmanager.import_plugin("tests.testkit.processes.shared_stack")
