"""From a file to networks: MAT-files of levels 5 and 7.3, and function files that genFunction wrote."""
