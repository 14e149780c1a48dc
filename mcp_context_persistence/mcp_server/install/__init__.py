"""Write the server into the configuration files of assistants, and remove it again."""
