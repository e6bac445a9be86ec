"""The subcommands: each parses, calls its step and prints. Nothing here computes, or imports what does."""
