"""Benchmarks of speed and faithfulness: each file is one command, `python -m bench.<file>`."""
