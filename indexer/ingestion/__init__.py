"""Articles to the engine: checked, split, analysed, embedded, written; one article or millions."""
