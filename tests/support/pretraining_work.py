"""Pre-training functions that worker processes import."""

from semioscope.plans import CorruptionPlan, draw_corruption


def drawn_corruption(clip):
    """Return what is drawn for an excerpt, as text."""
    drawn = draw_corruption(250, CorruptionPlan(), seed=5, epoch=2, clip=clip)
    return drawn.order.tobytes().hex() + drawn.is_masked.tobytes().hex()
