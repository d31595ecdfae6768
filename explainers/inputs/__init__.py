"""Texts and images as a person gives them."""
