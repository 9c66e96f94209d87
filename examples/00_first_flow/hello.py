"""A first flow: two steps, one of which fails now and then.

python examples/00_first_flow/hello.py
python examples/00_first_flow/hello.py Ada
"""

import sys

from millstream import flow, task

failures = iter([ConnectionError("the line is busy")])


@task(retries=1)
def fetch_greeting() -> str:
    """Ask a service that needs a second try."""
    for failure in failures:
        raise failure
    return "Hello"


@task
def greet(greeting: str, name: str) -> str:
    """Say it, and give back who it was said to."""
    print(f"{greeting}, {name}!")
    return name.upper()


@flow(log_prints=True)
def hello(name: str = "world") -> str:
    """Greet somebody."""
    return greet(fetch_greeting(), name)


if __name__ == "__main__":
    hello(*sys.argv[1:])
