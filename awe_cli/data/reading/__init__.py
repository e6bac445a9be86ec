"""Input files of every format as pieces of checked columns."""
