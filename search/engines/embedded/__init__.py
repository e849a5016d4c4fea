"""The engine that needs no server: everything in one folder.

record.sqlite   the truth: articles, passages, vectors, terms (`record`)
head.json       its last acknowledged commit (`state`, `chain`)
text/           Tantivy's files; the record lists them with their checksums (`segments`)
passages.npz    what a search has in memory, so that opening reads few rows (`snapshot`)
writer.lock     held by the one process that writes (`locking`)
record.reserve  room on the disk for removals (`reserve`)

adapter         opens it as settings say

Passage vectors are in memory as int8 (`vectors`);
sentence vectors stay in the record until a shortlist needs them.
"""
