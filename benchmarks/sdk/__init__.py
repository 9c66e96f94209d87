"""What the SDK costs, beside plain Python and beside Prefect."""
