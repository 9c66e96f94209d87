"""The commands below `millstream deployment`."""
