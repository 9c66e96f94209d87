"""What the programs of the seeds that ask and change what runs there are have in common, wherever they run."""

QUERY_FLOW_RUNS = """
import asyncio
from datetime import datetime, timedelta

from millstream import flow, tags
from millstream.client import get_client
from millstream.client.schemas import filters, sorting


async def read_flow_runs(flow_run_filter=None, sort=sorting.FlowRunSort.START_TIME_DESC):
    client = get_client()
    return await client.read_flow_runs(flow_run_filter=flow_run_filter, sort=sort)


async def query_flow_runs(name_like, env, state_names, start_time_min):
    filter_params = {
        "name": filters.FlowRunFilterName(like_=name_like),
        "tags": filters.FlowRunFilterTags(all_=[f"env:{env}"]),
        "state": filters.FlowRunFilterState(name=filters.FlowRunFilterStateName(any_=state_names)),
        "start_time": filters.FlowRunFilterStartTime(after_=start_time_min),
    }
    return await read_flow_runs(filters.FlowRunFilter(**filter_params))


"""
"""Ends where the program's own part begins."""

UPDATE_TAGS = """
import asyncio

from millstream import flow, get_run_logger
from millstream.client import get_client
from millstream.context import get_run_context


def update_tags(tags):
    logger = get_run_logger()
    if not tags:
        logger.warning("No tags passed to 'update_tags', nothing to do")
        return True

    logger.info(f"Adding {tags=} to current flow_run")
    flow_run = get_run_context().flow_run
    tags += flow_run.tags

    client = get_client()
    asyncio.run(client.update_flow_run(flow_run.id, tags=set(tags)))
    return True


@flow(name="good_morning.greet")
def greet(name):
    print(f"Hello {name}")


"""
"""As above."""
