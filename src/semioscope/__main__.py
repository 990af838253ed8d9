"""Lets ``python -m semioscope`` be the command line."""

from semioscope.cli.app import main

if __name__ == "__main__":
    main()
