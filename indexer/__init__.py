"""Fihris's indexer: sources, paragraphs, pipeline, evaluation and the command line."""
