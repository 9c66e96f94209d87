"""The programs of an introduction to Prefect 1, one after the other."""

from millstream.v1 import Flow, Parameter, task


@task
def extract_data(date: str = "2021-01-01") -> list[str]:
    """Get the rows of a day."""
    return [f"{date} a", f"{date} b"]


@task
def preprocess_data(data: list[str]) -> list[str]:
    """Put them in order."""
    return sorted(data, reverse=True)


@task
def transform_data(data: list[str]) -> list[str]:
    """Change them."""
    return [row.upper() for row in data]


@task
def load_data(data: list[str]) -> int:
    """Keep them."""
    return len(data)


with Flow("Data Pipeline") as simple:
    data = extract_data()
    transformed_data = transform_data(data)
    load_data(transformed_data)

with Flow("Data Pipeline") as dependencies:
    data = extract_data()
    preprocessed_data = preprocess_data(data)
    transformed_data = transform_data(preprocessed_data)
    load_data(transformed_data)

    preprocessed_data.set_dependencies(upstream_tasks=[extract_data])
    transformed_data.set_dependencies(upstream_tasks=[preprocess_data])
    load_data.set_dependencies(upstream_tasks=[transform_data])

with Flow("Data Pipeline") as parameterized:
    date = Parameter("date", default="2021-01-01")
    data = extract_data(date)
    rows = load_data(transform_data(data))

for flow in (simple, dependencies, parameterized):
    flow.validate()
    flow.run()
