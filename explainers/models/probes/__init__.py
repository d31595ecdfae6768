"""Find out from a loaded model what it provides to an attribution method."""
