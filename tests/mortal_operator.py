"""Operators that die when they are told to, and are started anew.

This file, run by itself, is the process that starts them: it reads how from each line of its input, forks, and prints
the child's PID. Forking spares the second that it takes to import everything.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import kopf
from patience import HANG_SECONDS

from millstream_operator import application, credentials, keyed_queue, reflector, resync, watchdog, watches
from millstream_operator.api import Api
from millstream_operator.credentials import Credentials
from millstream_operator.decide import admission, missing_job
from millstream_operator.kinds import EVENTS, FLOW_DEPLOYMENTS
from millstream_operator.settings import Settings

NEVER = 10**9
_HURRIED = "--hurried"
_WRITES = {"create", "patch", "delete"}
_BESIDE = {EVENTS, FLOW_DEPLOYMENTS}
"""What is written of these depends on how long a run takes."""
_call = Api._call


def die_after(writes: int) -> None:
    """Kill this process as SIGKILL would once so many of its writes have taken effect: the last answer is lost."""
    left = writes

    async def call(self: Api, verb: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        nonlocal left
        answer = await _call(self, verb, *arguments, **options)
        if verb in _WRITES and arguments[0] not in _BESIDE:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return answer

    Api._call = call


def hurry() -> None:
    """Divide by ten, or nearly, what operators wait for, so that their patience can be tested in seconds."""
    credentials._TIMEOUT = aiohttp.ClientTimeout(total=1.5, connect=1)
    resync._INTERVAL_SECONDS, resync._RETRY_SECONDS = 3.0, 0.2
    reflector._SILENCE_SECONDS, reflector._LONGEST_SECONDS = 4.0, 1.0
    reflector._WATCH_SECONDS, reflector._LIST_SECONDS = (2, 4), 2.0
    watchdog._INTERVAL_SECONDS, watchdog._LIMIT_SECONDS, watchdog._START_SECONDS = 0.5, 2.0, 10.0
    keyed_queue._LONGEST_SECONDS = 6.0
    missing_job._TRY_AGAIN = admission._DEPLOYMENT_GRACE = timedelta(seconds=1)
    configure = watches._configure

    def hurried(settings: kopf.OperatorSettings) -> None:
        configure(settings)
        settings.watching.inactivity_timeout = 4.0
        settings.watching.connect_timeout = settings.networking.connect_timeout = 1
        settings.networking.request_timeout = 1.5

    watches._configure = hurried


def serve(kubeconfig: str, namespaces: list[str], writes: int, log: str) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    die_after(writes)
    os.environ["KUBECONFIG"] = kubeconfig
    settings = Settings(
        namespaces=tuple(namespaces), port=0, workers=4, leader_election=False, scrape_seconds=0
    )
    asyncio.run(application.run(settings, Credentials.load(), asyncio.Event()))


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if _HURRIED in sys.argv:
        hurry()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            serve(**json.loads(line))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


class Forker:
    """The process that starts operators."""

    def __init__(self, *, hurried: bool) -> None:
        command = [sys.executable, __file__, *([_HURRIED] if hurried else [])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._pids: list[int] = []

    def start(self, kubeconfig: Path, namespaces: list[str], log: Path, writes: int = NEVER) -> int:
        """Start an operator that dies after so many writes, and give its PID."""
        order = {"kubeconfig": str(kubeconfig), "namespaces": namespaces, "writes": writes, "log": str(log)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self._pids.append(int(self._process.stdout.readline()))
        return self._pids[-1]

    def close(self) -> None:
        for pid in self._pids:
            kill(pid)
        self._process.stdin.close()
        self._process.wait(HANG_SECONDS)
        self._process.stdout.close()


class Operator:
    """The operator of some namespaces, started anew whenever it has ended, as Kubernetes would."""

    def __init__(
        self, forker: Forker, kubeconfig: Path, namespaces: list[str], log: Path, writes: int = NEVER
    ) -> None:
        self._forker, self._kubeconfig, self._namespaces, self._log = forker, kubeconfig, namespaces, log
        self.starts = 0
        log.touch()
        self.keep_alive(writes)

    def keep_alive(self, writes: int = NEVER) -> None:
        """Start one if none lives; it dies after so many writes."""
        if self.starts and lives(self._pid):
            return
        self.starts += 1
        self._pid = self._forker.start(self._kubeconfig, self._namespaces, self._log, writes)

    def kill(self) -> None:
        kill(self._pid)

    @property
    def log(self) -> str:
        return self._log.read_text()


@contextlib.contextmanager
def kept_alive(operator: Operator) -> Iterator[Operator]:
    """Start an operator anew whenever it has ended, and kill it in the end."""
    stop = threading.Event()

    def keep() -> None:
        while not stop.wait(0.1):
            operator.keep_alive()

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    yield operator
    stop.set()
    thread.join()
    operator.kill()


def lives(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def forker(*, hurried: bool) -> Iterator[Forker]:
    """Start operators as long as this lasts; all that still live are killed in the end."""
    made = Forker(hurried=hurried)
    try:
        yield made
    finally:
        made.close()


if __name__ == "__main__":
    main()
