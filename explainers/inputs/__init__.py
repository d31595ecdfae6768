"""Inputs: texts and images before any model has read them."""
