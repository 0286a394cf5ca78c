"""Fault campaigns: nbtrack under kills, failing system calls and power cuts, checked like a database.

Each campaign is one module with a `CAMPAIGN`; ``python -m campaigns NAME`` runs it.
docs/reliability.md says what each shows. Not a part of the installed package.
"""
