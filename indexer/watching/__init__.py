"""Folders followed for days: the parts of `indexer.watch`.

scanner    which files of a folder are new, changed or gone, and stand still
places     whether a missing file is gone, or a disk or folder that it lies on is not there
sync       what files give to the index, what they gave before out of it
catalogue  what each file was like when it was read
"""
