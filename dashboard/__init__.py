"""What people see: the only Streamlit code. It calls `casework` and reads published Parquet."""
