"""How well models rank held-out examples: one, several side by side, and by stratum."""
