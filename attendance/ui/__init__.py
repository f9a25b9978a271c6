"""The pages: the only importer of Streamlit."""
