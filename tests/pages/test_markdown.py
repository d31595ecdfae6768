"""Foreign text as the words of a page."""

from pages.common.ui.markdown import escape


def test_every_sign_that_markdown_could_take_for_its_own_is_marked():
    assert escape("*a* [b](c) `d` :e:") == r"\*a\* \[b\]\(c\) \`d\` \:e\:"
