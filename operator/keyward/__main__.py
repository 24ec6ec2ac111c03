"""`python -m keyward`: the command line."""

from __future__ import annotations

from keyward.cli.main import run

if __name__ == "__main__":
    run()
