"""The normal form of texts: languages, stems, and the terms of the fulltext index."""
