"""Explanations of images: heatmap, overlay, mask and alpha views."""
