"""The pages, over a real store and real Parquet."""
