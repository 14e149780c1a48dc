"""What every call needs: the engine, settings, caches, telemetry and the memory limit."""
