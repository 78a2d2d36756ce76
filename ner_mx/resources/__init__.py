"""What features read beside a corpus: word vectors and lexicons, read from files or made."""
