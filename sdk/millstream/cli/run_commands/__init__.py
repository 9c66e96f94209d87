"""The commands below `millstream run`: what is done with the runs of the cluster."""
