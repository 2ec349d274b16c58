"""`python -m clearbg` is the command line."""

from clearbg.cli.app import main

main()
