"""Modules that Prefect has in a package of this name."""
