"""The database connection: pool, statements, deadlines, replay and error mapping."""

from mcp_context_persistence.kg.driver.light_import import import_driver

import_driver()  # before any module here imports it in the usual way
