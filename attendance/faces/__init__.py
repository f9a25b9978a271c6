"""Pictures in, embeddings out: the only place with model runtimes."""
