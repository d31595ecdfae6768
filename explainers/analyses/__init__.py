"""Analyses made of several explanations or passes: agreement, differences, randomisation, context, substitution."""
