"""The pure measuring core of data quality evidence: a Parquet file, read in pieces, gives a payload."""
