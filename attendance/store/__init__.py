"""Where people and records are kept: one contract, two engines."""
