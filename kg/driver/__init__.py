"""The database connection: pool, statements, deadlines, replay and error mapping."""
