"""Alembic's migrations of the embedded database, run by ``store.sql_migrate`` when a store is opened."""
