"""The engine that needs no server: everything in one folder.

record.sqlite       the truth; its commit acknowledges a write (`record`)
text/current.json   names the text index's generation, with sizes and checksums (`generations`)
text/<generation>/  Tantivy files, immutable once named there (`text`)
writer.lock         held by the one process that writes (`locking`)

Passage vectors are read from the record into memory as int8 (`vectors`);
sentence vectors stay in the record until a shortlist needs them.
"""
