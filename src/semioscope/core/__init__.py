"""What everything else stands on: errors, intervals, records, file formats, random streams, atomic files."""
