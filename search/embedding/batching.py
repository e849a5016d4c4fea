"""Which texts go through the model together: pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def batches(lengths: Sequence[int], most_tokens: int) -> Iterator[list[int]]:
    """Yield positions of texts to run together, every position once.

    A batch is padded to its longest text, so texts of like length are taken
    together, longest first: the batch that needs most memory comes first, and
    the end of long work is quick.

    Args:
        lengths: each text's length in tokens.
        most_tokens: bound of a batch, padding included; a longer text is alone.
    """
    batch: list[int] = []
    width = 0
    for position in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if batch and (len(batch) + 1) * width > most_tokens:
            yield batch
            batch = []
        if not batch:
            width = lengths[position]
        batch.append(position)
    if batch:
        yield batch
