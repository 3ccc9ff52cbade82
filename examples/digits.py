"""Handwritten digits (scikit-learn's: 1797 images of 8 x 8), by a softmax classifier and by a network of two layers.

Both reach what scikit-learn's own estimators reach on the same split. The losses are drawn.

Run: python examples/digits.py [picture.png]        (needs scikit-learn and matplotlib)
"""

import sys
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import symgrad as sg

PENALTY = 1e-4


def softmax_loss(scores, labels):
    """The mean of -log of the probability of the right label."""
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    right = np.take_along_axis(shifted, labels[:, None], axis=1)[:, 0]
    return np.mean(np.log(np.sum(np.exp(shifted), axis=1)) - right)


def linear(p, X):
    return X @ p["W"] + p["b"]


def network(p, X):
    return np.maximum(X @ p["W1"] + p["b1"], 0) @ p["W2"] + p["b2"]


def linear_loss(p, X, labels):
    return softmax_loss(linear(p, X), labels) + PENALTY * np.sum(p["W"] ** 2)


def network_loss(p, X, labels):
    return softmax_loss(network(p, X), labels) + PENALTY * (np.sum(p["W1"] ** 2) + np.sum(p["W2"] ** 2))


def accuracy(model, p, X, labels):
    return np.mean(np.argmax(model(p, X), axis=1) == labels)


X, labels = load_digits(return_X_y=True)
X, X_test, labels, labels_test = train_test_split(X / 16.0, labels, test_size=0.25, random_state=0, stratify=labels)
X, X_held, labels, labels_held = train_test_split(X, labels, test_size=0.15, random_state=0, stratify=labels)
rng = np.random.default_rng(0)

softmax = sg.train(
    linear_loss,
    {"W": np.zeros((64, 10)), "b": np.zeros(10)},
    (X, labels),
    sg.adam(0.01),
    epochs=100,
    batch_size=64,
    validation=(X_held, labels_held),
    patience=10,
)
print("softmax:  ", softmax)

layers = sg.train(
    network_loss,
    {
        "W1": rng.normal(size=(64, 100)) * np.sqrt(2 / 64),
        "b1": np.zeros(100),
        "W2": rng.normal(size=(100, 10)) * np.sqrt(2 / 100),
        "b2": np.zeros(10),
    },
    (X, labels),
    sg.adam(0.003),
    epochs=100,
    batch_size=64,
    validation=(X_held, labels_held),
    patience=10,
)
print("2 layers: ", layers)

both = np.concatenate([X, X_held]), np.concatenate([labels, labels_held])
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # scikit-learn tells of iterations that could go on
    theirs = {
        "softmax": LogisticRegression(max_iter=1000).fit(*both),
        "2 layers": MLPClassifier(hidden_layer_sizes=(100,), max_iter=300, random_state=0).fit(*both),
    }
ours = {
    "softmax": accuracy(linear, softmax.params, X_test, labels_test),
    "2 layers": accuracy(network, layers.params, X_test, labels_test),
}
print(f"\n{'right on ' + str(len(X_test)) + ' test images':24} symgrad  scikit-learn")
for name, value in ours.items():
    reference = theirs[name].score(X_test, labels_test)
    print(f"{name:24} {value:7.2%} {reference:13.2%}")
    assert value > reference - 0.01

picture = sys.argv[1] if len(sys.argv) > 1 else "digits.png"
layers.plot().savefig(picture, dpi=120)
print("the loss curve is in", picture)
