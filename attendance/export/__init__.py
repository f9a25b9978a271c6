"""From a store to a folder of deterministic files, and back; docs/export.md is the format's description."""
