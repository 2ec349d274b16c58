"""`python -m clearbg` is the command line."""

from clearbg.cli import main

main()
