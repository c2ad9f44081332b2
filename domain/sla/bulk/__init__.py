"""Files of a million rows: read as a stream, judged row by row, recorded in portions."""
