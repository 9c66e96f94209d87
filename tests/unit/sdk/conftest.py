from history_home import client, home
from still_world import logs, still

__all__ = ["client", "home", "logs", "still"]
