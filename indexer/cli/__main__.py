"""`python -m indexer.cli`: the command line, as `fihris` is."""

from indexer.cli.app import main

main()
