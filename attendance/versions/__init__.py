"""Versions of what is exported: git keeps the pointers, DVC the bytes. Both are run as commands, never imported."""
