"""Files to an index: sources, paragraphs, pipeline, evaluation and the command line."""
