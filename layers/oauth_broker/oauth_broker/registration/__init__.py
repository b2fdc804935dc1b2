"""Registrations: the JSON of a resource, checked (`parsing`), and what is read of it (`document`, `origins`).

Nothing is imported here: what serves tokens reads documents, and need not load the checks.
"""
