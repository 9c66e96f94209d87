from command_line import call, flows, home

__all__ = ["call", "flows", "home"]
