"""The parts of `indexer.watch`: catalogue, places, scanner and sync of a folder."""
