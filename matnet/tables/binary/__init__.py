"""Tables in binary formats: Excel workbooks, Parquet and Arrow files, MAT-files."""
