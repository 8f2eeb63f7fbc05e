"""The event log: windows, ledger, fetching and decoding of pages."""
