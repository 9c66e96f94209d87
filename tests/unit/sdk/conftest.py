from still_world import logs, still

__all__ = ["logs", "still"]
