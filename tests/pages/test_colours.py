"""Colours that can be read and told apart."""

from scripts.pages.colours import PALETTE, label_colours


def luminance(colour: str) -> float:
    """Relative luminance of the WCAG 2.1."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_black_text_is_read_on_every_colour():
    assert all((luminance(colour) + 0.05) / 0.05 >= 4.5 for colour in PALETTE)


def test_colours_do_not_depend_on_the_order_and_nine_are_different():
    labels = [f"label{i}" for i in range(9)]
    assert label_colours(labels) == label_colours(reversed(labels))
    assert len(set(label_colours(labels).values())) == 9
    assert len(label_colours(f"label{i}" for i in range(50))) == 50
