"""Language models: embedders, spaCy pipelines, cross-encoders, and the memory they hold."""
