"""Entry point of the container: `python -m millstream.runner`."""

import sys

from millstream.runner._supervisor import main

# A process that `multiprocessing` spawns imports this module again, under another name.
if __name__ == "__main__":
    main(sys.argv[1:])
