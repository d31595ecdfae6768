"""Serve many users in one process: a queue and a cache of results."""
