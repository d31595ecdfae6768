"""Answer many visitors in one process."""
