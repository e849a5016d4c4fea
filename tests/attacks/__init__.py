"""Attacks on the embedded engine and the server, as tests and as a script: `make attack`.

Imports inside this package are relative, so that it also attacks another checkout, one of an
older version say: `cd OTHER && PYTHONPATH=THIS/tests python -m attacks`.
"""
