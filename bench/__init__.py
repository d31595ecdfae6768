"""Speed and truth beside other tools: each file is one command, `python -m bench.<file>`.

Nothing runs on import.
"""
