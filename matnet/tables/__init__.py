"""Tables of samples through a network: sources of rows, chunks, results. Nothing here prints."""
