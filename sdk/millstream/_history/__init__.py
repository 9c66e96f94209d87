"""What is remembered of runs on this machine: a SQLite file below `MILLSTREAM_HOME`, written in the background."""
