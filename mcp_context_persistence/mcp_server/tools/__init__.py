"""The tools of the small profile and of ChatGPT, one file per subject."""
