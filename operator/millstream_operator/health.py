"""The operator's HTTP endpoints: /metrics, /healthz and /readyz."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from millstream_operator.metrics import Metrics, encoded

__all__ = ["serve"]


async def serve(
    port: int, metrics: Metrics, healthy: Callable[[], str], ready: Callable[[], str]
) -> web.AppRunner:
    """Serve the endpoints; `healthy` and `ready` give "" or what is wrong."""

    async def show_metrics(request: web.Request) -> web.Response:
        families = metrics.collect()
        body, content_type = await asyncio.to_thread(encoded, families, request.headers.get("Accept", ""))
        response = web.Response(body=body, headers={"Content-Type": content_type})
        response.enable_compression()
        return response

    def check(problem: Callable[[], str]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_: web.Request) -> web.Response:
            found = problem()
            return web.Response(status=503 if found else 200, text=found or "ok")

        return answer

    app = web.Application()
    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/healthz", check(healthy))
    app.router.add_get("/readyz", check(ready))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
