"""What all tests of this folder share: tests/testkit/processes/shared_stack.py, wherever tests run."""

import pytest

KEY = "key-of-the-test-suite-0001"
JWT_SECRET = "secret-of-the-test-suite-that-closes-keys"


def pytest_configure(config: pytest.Config) -> None:
    """Who hands tests out to workers runs none, and does without the product, whose import takes seconds."""
    if hasattr(config, "workerinput") or config.getoption("dist", "no") == "no":
        config.pluginmanager.import_plugin("tests.testkit.processes.shared_stack")
