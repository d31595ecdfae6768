"""Text generation: prompts, decoding, step scores, and the Problem of the generated tokens."""
