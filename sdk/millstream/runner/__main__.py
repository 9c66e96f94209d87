"""Entry point of the container: `python -m millstream.runner`."""

# A process that `multiprocessing` spawns imports this module again, under another name.
if __name__ == "__main__":
    from millstream.runner._held_signals import hold_signals

    hold_signals()  # before the other imports, which take their time; see there

    import sys

    from millstream.runner._supervisor import main

    main(sys.argv[1:])
