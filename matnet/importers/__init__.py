"""From a file to networks: MAT-files of versions 5 to 7.3, function files that genFunction wrote, and archives."""
