"""``python -m vquery.cli``."""

from vquery.cli import main

if __name__ == "__main__":
    main(prog_name="vquery")
