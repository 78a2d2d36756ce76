"""Tags to spans to precision, recall and F1."""
