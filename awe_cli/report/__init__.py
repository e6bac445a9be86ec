"""Results as people read them: tables as columns and rows, and files of predictions."""
