"""lstm: a recurrent net whose matrices are diagonal predicts the bits of a text's next character."""

from __future__ import annotations

from typing import Any

import numpy as np

import symgrad as sg
from gradbench_peers import Answer, inputs
from gradbench_peers.symgrad import compiled


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def cell(weight: Any, bias: Any, hidden: Any, memory: Any, x: Any) -> Any:
    """One layer: the next hidden state and memory, shape (bits,); weight and bias hold four gates' each."""
    forget, ingate, outgate, change = np.stack([x, hidden, x, hidden]) * weight + bias
    memory = memory * sigmoid(forget) + sigmoid(ingate) * np.tanh(change)
    return sigmoid(outgate) * np.tanh(memory), memory


def loss(params: Any, state: Any, sequence: Any) -> Any:
    """Of the parameters of the layers (2 layers, 4 bits) and the others (3, bits), as in the suite's messages."""
    main, extra = params
    layers = main.reshape(-1, 2, 4, main.shape[1] // 4)

    def predict(states: Any, character: Any) -> Any:
        x = character * extra[0]
        after = []
        for (weight, bias), (hidden, memory) in zip(layers, states, strict=True):
            x, memory = cell(weight, bias, hidden, memory, x)
            after.append((x, memory))
        y = x * extra[1] + extra[2]
        return after, y - np.log(np.sum(np.exp(y)) + 2)

    states = [(hidden, memory) for hidden, memory in state.reshape(len(layers), 2, -1)]
    _, logarithms = sg.scan(predict, states, sequence[:-1])
    return -np.mean(sequence[1:] * logarithms)


ANSWERS = {
    "objective": Answer(inputs.lstm, compiled(sg.function(loss)), float),
    "jacobian": Answer(inputs.lstm, compiled(sg.grad(loss, wrt="params")), inputs.flat),
}
