"""From a network to a file or a framework, one module per target."""
