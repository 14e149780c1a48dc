"""Commands for maintainers: lock jars, list classes, build the test image."""
