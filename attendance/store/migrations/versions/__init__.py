"""One file a schema version, each a step from the one before; a released one is never changed."""
