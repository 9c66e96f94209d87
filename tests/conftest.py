"""No test writes to the home of who runs it, and none has a history unless it asks for one."""

import gc
import os

os.environ["MILLSTREAM_HISTORY_ENABLED"] = "false"


def pytest_collection_finish():
    """Spare the garbage collector thousands of tests, which are there to the end, each time that it looks for garbage."""
    gc.collect()
    gc.freeze()
