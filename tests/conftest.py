"""No test writes to the home of who runs it, none has a history unless it asks for one, and all can be interrupted."""

import gc
import os
import signal

os.environ["MILLSTREAM_HISTORY_ENABLED"] = "false"
# A shell that has tests run in the background lets them ignore Ctrl-C, and so would all that they start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish():
    """Spare the garbage collector thousands of tests, which are there to the end, each time that it looks for garbage."""
    gc.collect()
    gc.freeze()
