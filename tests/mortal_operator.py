"""Operators that die. Reads how to start one from each line of its input, forks, and prints the child's PID.

A child kills itself as SIGKILL would once so many of its writes have taken effect, so that the answer to the last
one is lost. Forking spares the second that it takes to import everything.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from typing import Any

from kubernetes import client, config

from millstream_operator import application
from millstream_operator.api import Api
from millstream_operator.credentials import Credentials
from millstream_operator.kinds import EVENTS, FLOW_DEPLOYMENTS
from millstream_operator.settings import Settings

_WRITES = {"create", "patch", "delete"}
_BESIDE = {EVENTS, FLOW_DEPLOYMENTS}
"""What is written of these depends on how long a run takes."""
_call = Api._call


def die_after(writes: int) -> None:
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


def serve(kubeconfig: str, namespace: str, writes: int, log: str) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    logging.basicConfig(level="INFO")
    die_after(writes)
    configuration = client.Configuration()
    config.load_kube_config(kubeconfig, client_configuration=configuration)
    settings = Settings(namespaces=(namespace,), port=0, workers=4, leader_election=False)
    asyncio.run(application.run(settings, Credentials(configuration), asyncio.Event()))


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            serve(**json.loads(line))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
