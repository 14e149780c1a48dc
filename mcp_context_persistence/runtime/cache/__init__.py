"""The response cache and its stores."""
