"""An address where nothing is: the task is tried again every ten seconds, and the program does not crash."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pandas as pd

from millstream.v1 import Flow, Parameter, task


@task(max_retries=10, retry_delay=timedelta(seconds=10))
def extract(url: str) -> list[dict[str, Any]]:
    """Get the users."""
    with urlopen(url) as response:  # noqa: S310 - the address is ours
        users: list[dict[str, Any]] = json.load(response)
    if not users:
        raise ValueError("No data fetched!")
    return users


@task
def transform(data: list[dict[str, Any]]) -> pd.DataFrame:
    """Keep some of what is known about them."""
    return pd.DataFrame(
        {
            "ID": user["id"],
            "Name": user["name"],
            "Username": user["username"],
            "Email": user["email"],
            "Address": f"{user['address']['street']}, {user['address']['suite']}, {user['address']['city']}",
            "PhoneNumber": user["phone"],
            "Company": user["company"]["name"],
        }
        for user in data
    )


@task
def load(data: pd.DataFrame, path: str) -> None:
    """Write them to a file with the time in its name."""
    Path(path).parent.mkdir(exist_ok=True)
    data.to_csv(f"{path}_{datetime.now(UTC).timestamp():.6f}.csv", index=False)


def prefect_flow() -> Flow:
    """Build the flow."""
    with Flow("simple_etl_pipeline") as flow:
        param_url = Parameter(name="p_url", required=True)
        users = extract(param_url)
        users_df = transform(users)
        load(users_df, "data/users")
    return flow


if __name__ == "__main__":
    prefect_flow().run(parameters={"p_url": "http://127.0.0.1:9/nowhere"})
