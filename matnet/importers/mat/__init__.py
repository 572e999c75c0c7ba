"""MAT-files of versions 5 to 7.3 as plain MATLAB values; nothing here knows what a network is."""
