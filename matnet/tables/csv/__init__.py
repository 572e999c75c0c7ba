"""Tables as text: CSV and similar formats, read and written."""
