"""`python -m capture` is `nightcal`."""

from capture.cli.app import main

if __name__ == "__main__":
    main()
