"""From events to records: what a cell or script did, told in plain values.

Knows neither IPython nor the store, so that all of it can be tested with a dict for a namespace and a list for a journal.
"""
