"""Extract entities, relations and decisions from text."""
