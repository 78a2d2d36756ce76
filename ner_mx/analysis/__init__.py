"""What an owner of a corpus asks: what is in it, what is wrong with it, what the model does, what to annotate next."""
