"""`python -m waziterm` is the same as `waziterm`."""

from waziterm.cli.main import main

if __name__ == "__main__":
    main()
