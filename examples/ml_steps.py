"""Steps of the digits notebook that are worth a name and a test of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SHIFTS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def shifted(images: Array, rows: int, columns: int) -> Array:
    """Move 8 x 8 images by whole pixels; what leaves on one side comes in on the other."""
    return np.roll(images.reshape(-1, 8, 8), (rows, columns), axis=(1, 2)).reshape(len(images), 64)


def augmented(images: Array, labels: Array) -> tuple[Array, Array]:
    """Add each image moved by one pixel in each direction."""
    more = [shifted(images, *shift) for shift in SHIFTS]
    return np.vstack([images, *more]), np.tile(labels, 1 + len(more))


def scaled(images: Array) -> Array:
    """Bring pixels from 0..16 to 0..1."""
    return images / 16.0


def confusion_pairs(truth: Array, guess: Array, top: int = 5) -> list[tuple[int, int, int]]:
    """Return the pairs of digits that are taken for each other most often, with counts."""
    pairs, counts = np.unique(
        np.column_stack([truth, guess])[truth != guess].astype(int), axis=0, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")[:top]
    return [(int(pairs[i][0]), int(pairs[i][1]), int(counts[i])) for i in order]
