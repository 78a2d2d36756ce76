"""Tags to entities to figures: precision, recall, F1, confusion, calibration."""
