"""`python -m millstream.cli` is `millstream`."""

from millstream.cli import main

main()
