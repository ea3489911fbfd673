# SPDX-License-Identifier: MIT
"""The highest rate that a tool receives without loss, found by the same search for every tool."""

import math

MOST_LOST = 1e-4
STEPS = 7  # of a bisection over five octaves: to within 3 %
OCTAVES = 5


class Run:
    """One run of a tool: packets sent and received a second, and the share that was lost."""

    def __init__(self, sent_pps, received_pps, lost):
        self.sent_pps, self.received_pps, self.lost = sent_pps, received_pps, lost

    def loss_free(self):
        return self.received_pps > 0 and self.lost < MOST_LOST


def search(measure):
    """`measure(rate)` runs the tool at packets per second, flat out when None. The rate received by the fastest run
    without loss; 0 when each lost."""
    flat_out = measure(None)
    if flat_out.loss_free():
        return flat_out.received_pps
    best = 0.0
    high = math.log2(flat_out.sent_pps)
    low = high - OCTAVES
    for _ in range(STEPS):
        middle = (low + high) / 2
        run = measure(2 ** middle)
        if run.loss_free():
            low, best = middle, max(best, run.received_pps)
        else:
            high = middle
    return best
