"""Folders followed for days: the parts of `indexer.watch`.

looking    which files of a folder are new, changed or gone, and stand still
absence    whether a file that is missing is gone, or only what it lies on is away
writing    what files give to the index, what they gave before out of it
catalogue  what each file was like when it was read
"""
