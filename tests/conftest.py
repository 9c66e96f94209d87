"""No test writes to the home of who runs it, and none has a history unless it asks for one."""

import os

os.environ["MILLSTREAM_HISTORY_ENABLED"] = "false"
