"""The best labels of a stream of examples, and where the rows go."""
