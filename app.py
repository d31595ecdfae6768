"""Wherefore: why did this transformer model say that? Start it with `streamlit run app.py`.

Navigation, nothing else.
"""

from pages.common.navigation import draw_navigation

draw_navigation().run()
