"""The commands, one thin function each, by what they are for; `indexer.cli.app` has their table."""
