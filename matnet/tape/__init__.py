"""The tape: a computation recorded once on symbols, then run over blocks of rows or printed by an exporter."""
