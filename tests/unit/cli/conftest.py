from command_line import call, flows, home
from still_world import still

__all__ = ["call", "flows", "home", "still"]
