"""``python -m matnet``: the program ``matnet``."""

from matnet.cli import main

main()
