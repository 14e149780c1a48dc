"""The tools of the small and of the full profile, one file per subject."""
