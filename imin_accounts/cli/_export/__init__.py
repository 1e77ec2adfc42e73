"""Rows into files and back: ``sinks`` opens any, ``text`` is JSON Lines and CSV, ``sqlite``, ``parquet``."""
