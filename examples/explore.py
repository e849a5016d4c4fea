"""An index explored from Python, cell by cell: editors that know `# %%` run this as a notebook.

It asks the index that the FIHRIS_* variables name; `make run` or `fihris index seeds` makes one.
As a script: python examples/explore.py
"""

# %% Open the index and its model, once
from search import Filter, Hit, Query, open_searcher

searcher = open_searcher()


def show(hits: tuple[Hit, ...]) -> None:
    """Print hits, a line each, with what matched between asterisks."""
    for hit in hits:
        text = "".join(f"*{s.text}*" if s.match else s.text for s in hit.segments)
        print(f"{hit.score:.3f}  {hit.passage.id}\n       {text}")


# %% By words: any form of them, وبالعراق as well as العراقية
results = searcher.search(Query("ضربات العراق", mode="keyword", size=2))
print(f"{results.total.value if results.total else 0} paragraphs have one of the words")
show(results.hits)

# %% By meaning: the marked sentence is the evidence
show(searcher.search(Query("ماذا قال المسؤولون عن حماية الجنود؟", mode="semantic", size=2)).hits)

# %% Across languages, and what each ranking said
for hit in searcher.search(Query("Why did the United States strike targets in Iraq?", size=3)).hits:
    words = hit.keyword.rank if hit.keyword else "-"
    meaning = hit.semantic.rank if hit.semantic else "-"
    print(f"{hit.score:.3f}  words #{words}  meaning #{meaning}  {hit.passage.id}")

# %% Latin spellings of Arabic words: what was searched besides
results = searcher.search(Query("al3iraq", size=1))
for variant in results.searched_also:
    print(f"{variant.word}: {', '.join(variant.forms)}")

# %% Filters hold for both rankings
only = Filter(sources=("CNN Arabic",), tags=("اليمن",))
show(searcher.search(Query("الحوثيون", size=1, filter=only)).hits)

# %% Where the time went, in milliseconds
print(results.took_ms)

# %% Close the index
searcher.close()
