"""Models and tables of G as they are stored, and how they are opened to rank or to be learned on from."""
