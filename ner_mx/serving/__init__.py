"""Bundle to HTTP, a web page, and big corpora."""
