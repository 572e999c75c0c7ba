"""Tables of samples through a network: sources, blocks of rows, sinks. Nothing here prints."""
