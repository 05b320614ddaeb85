"""Steps of the digits example that live in a module of their own, as they do in real projects.

Edit any of them and run the notebook again: the cells that use it run, the others are restored.
"""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

SEED = 7
FOLDS = 5


def shift(images, down, right):
    """Move images by whole pixels; what leaves on one side does not come back on the other."""
    moved = np.zeros_like(images)
    height, width = images.shape[1:]
    to = span(height, down), span(width, right)
    source = span(height, -down), span(width, -right)
    moved[:, *to] = images[:, *source]
    return moved


def span(length, offset):
    """The part of an axis that is still inside after moving by an offset."""
    return slice(max(offset, 0), length + min(offset, 0))


def augment(images, labels):
    """Add a copy of every image moved by one pixel up, down, left and right."""
    moves = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]
    return np.concatenate([shift(images, *move) for move in moves]), np.tile(labels, len(moves))


def flatten(images):
    """Turn images into rows of pixels."""
    return images.reshape(len(images), -1)


def forest(trees=300):
    """A random forest."""
    return RandomForestClassifier(n_estimators=trees, random_state=SEED)


def support_vectors(c=4.0):
    """A support vector machine with a Gaussian kernel on standardised pixels."""
    return make_pipeline(StandardScaler(), SVC(C=c, gamma="scale"))


def network(width=128):
    """A small neural network."""
    return make_pipeline(
        StandardScaler(), MLPClassifier((width, width), max_iter=60, tol=1e-3, random_state=SEED)
    )


def cross_validate(model, images, labels):
    """Return the accuracy in each fold."""
    return cross_val_score(model, flatten(images), labels, cv=FOLDS)


def score(model, images, labels):
    """Return the share of images that a fitted model names correctly."""
    return accuracy_score(labels, model.predict(flatten(images)))
