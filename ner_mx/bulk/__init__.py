"""Large corpora: tagged in constant memory, resumable, by several processes or a Ray cluster."""
