"""The ``placet`` command. The commands themselves are in ``placet.commands``, which needs the extra ``placet[cli]``."""

import sys


def main() -> None:
    """Run the command line and exit: 0 ok or allowed, 1 error, 2 usage, 3 blocked or tampered, 4 held or incomplete."""
    try:
        from placet.commands import run
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.stderr.write('The command line needs two more packages: pip install "placet[cli]"\n')
        sys.exit(1)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
