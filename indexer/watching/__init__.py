"""Folders followed for days: the parts of `indexer.watch`.

    looking    which files are new, changed or gone, and stand still
    believing  whether a folder that lost all its files is believed
    reading    what files give, each id the property of one file, claimed before it is written
    writing    what they give to the index, what they gave before out of it

`indexer.catalogue` remembers what each file gave.
"""
