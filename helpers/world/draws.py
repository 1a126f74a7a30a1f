"""Random numbers that belong to a row: the same whatever rows are beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.base import checks


class Draws:
    """Streams of numbers between 0 and 1, hashed from the key of a row, a seed and a name."""

    def __init__(self, keys: pd.Series | pd.Index, seed: int) -> None:
        self._seed = checks.whole("seed", seed)
        self._hashes = pd.util.hash_array(keys.astype(str).to_numpy(object))

    def __call__(self, stream: str) -> np.ndarray:
        """Return a number for each key; those of another stream are independent of them."""
        entropy = np.random.SeedSequence([self._seed, *stream.encode()])
        bits = self._hashes ^ entropy.generate_state(1, np.uint64)
        for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):  # the last step of MurmurHash3
            bits = (bits ^ (bits >> np.uint64(33))) * np.uint64(factor)
        return ((bits ^ (bits >> np.uint64(33))) >> np.uint64(11)) / 2**53 + 2**-54
