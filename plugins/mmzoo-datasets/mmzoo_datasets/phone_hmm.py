"""A hidden Markov model of phones that learns their times from recordings alone, of any language.

A phone has three states in a row. Each is a mixture of Gaussians over cepstra and their changes. Training alternates
between the best path through each recording (Viterbi) and the Gaussians that fit it, starting from equal parts
(Rabiner, "A tutorial on hidden Markov models", 1989; Young et al., "The HTK Book", flat start).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mmzoo.data import resample
from mmzoo.interfaces import Audio

Array = NDArray[np.floating]
Ids = NDArray[np.int64]
Words = Sequence[Sequence[str]]
"""The phones of each word. A pause that belongs to the text is a word of its own; others may occur between words."""

PAUSE = "pau"
RATE = 16_000
"""The rate in Hz at which speech is analyzed; boundaries of phones need nothing above 8 kHz."""
HOP = 80
HOP_S = HOP / RATE
WINDOW = 400
FFT = 512
BANDS, LOWEST, HIGHEST = 26, 60.0, 7_600.0
CEPSTRA = 13
REACH = 4
"""Frames on either side from which a change is computed."""
NOISE = 1e-4
"""Added to every band, relative to the mean power, so that digital silence resembles the quiet of a room."""
STATES = 3
SHORTEST_PAUSE = 14
"""Frames of a pause that the text does not have; the closure of a stop is shorter."""
FIRST_PAUSE = 16
"""Frames of a pause before anything is learned."""
ROUNDS = (*(1,) * 8, *(2,) * 3, *(4,) * 4)
"""Gaussians of a state in each round of training."""
PAUSES_FROM = 3
"""The round from which pauses between words are possible."""
LEAST_VARIANCE = 0.05
"""Relative to the variance of all frames."""
FEWEST = 20
"""Frames for each Gaussian of a state; with fewer they stay as they are."""
AT_ONCE = 16
"""Utterances whose paths are found together."""
LARGEST = 200_000_000
"""Frames times states of utterances whose paths are found together."""
IMPOSSIBLE = np.float32(-1e9)


def features(audio: Audio) -> Array:
    """Cepstra and their first and second changes, `[T, 39]`, with a frame every HOP_S seconds.

    Each cepstrum has mean 0 and std 1 over the utterance, which makes speakers and microphones alike.
    """
    samples = np.pad(resample(audio.samples, audio.sample_rate, RATE), WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    window, filters, cosines = _transforms()
    bands = np.abs(np.fft.rfft(frames * window, FFT)) ** 2 @ filters
    cepstra = np.log(bands + NOISE * bands.mean() + 1e-12) @ cosines
    cepstra = (cepstra - cepstra.mean(0)) / (cepstra.std(0) + 1e-3)
    first = _change(cepstra)
    return np.concatenate([cepstra, first, _change(first)], axis=1).astype(np.float32)


@lru_cache(maxsize=1)
def _transforms() -> tuple[Array, Array, Array]:
    """The window, the mel filters `[bins, BANDS]` and the cosines `[BANDS, CEPSTRA]`."""
    from mmzoo.nn.mel import mel_filterbank

    filters = mel_filterbank(FFT // 2 + 1, RATE, BANDS, LOWEST, HIGHEST).numpy()
    cosines = np.cos(np.pi / BANDS * np.outer(np.arange(BANDS) + 0.5, np.arange(CEPSTRA)))
    return np.hanning(WINDOW).astype(np.float32), filters, cosines.astype(np.float32)


def _change(x_TD: Array) -> Array:
    """The slope of each channel over REACH frames on either side."""
    count, padded = len(x_TD), np.pad(x_TD, ((REACH, REACH), (0, 0)), mode="edge")
    slope = np.zeros_like(x_TD)
    for n in range(1, REACH + 1):
        slope += n * (padded[REACH + n :][:count] - padded[REACH - n :][:count])
    return slope / (2 * sum(n * n for n in range(1, REACH + 1)))


@dataclass(frozen=True)
class Chain:
    """The states that an utterance passes through, in order.

    Args:
        phones: The phones, with every pause that is possible.
        slots: The index in `phones` of each state, `[S]`.
        states: The model's state, `[S]`.
        jumps: The state before a possible pause that a state may follow too; -1 if there is none, `[S]`.
    """

    phones: tuple[str, ...]
    slots: Ids
    states: Ids
    jumps: Ids


def chain_of(words: Words, phones: Sequence[str], *, pauses: bool = True) -> Chain:
    """The chain of an utterance.

    Args:
        words: The phones of each word.
        phones: All phones of the model.
        pauses: Whether there may be pauses between words.
    """
    said: list[str] = []
    slots: list[int] = []
    states: list[int] = []
    jumps: list[int] = []

    def add(phone: str, repeats: int = 1, jump: int = -1) -> None:
        """Add the states of a phone, the middle one `repeats` times."""
        first = phones.index(phone) * STATES
        new = [first, *[first + 1] * repeats, *range(first + 2, first + STATES)]
        slots.extend([len(said)] * len(new))
        states.extend(new)
        jumps.extend([jump, *[-1] * (len(new) - 1)])
        said.append(phone)

    before: Sequence[str] = (PAUSE,)
    for word in words:
        jump = -1
        if pauses and PAUSE not in (before[0], word[0]):
            jump = len(states) - 1
            add(PAUSE, SHORTEST_PAUSE - STATES + 1)
        for phone in word:
            add(phone, jump=jump)
            jump = -1
        before = word
    return Chain(tuple(said), np.array(slots), np.array(states), np.array(jumps))


@dataclass(frozen=True)
class PhoneModel:
    """The Gaussians of every phone.

    Args:
        phones: The phones; phone i has the states `STATES * i` and following.
        means: `[S, K, D]`.
        precisions: Inverse variances `[S, K, D]`.
        weights: Log probabilities of a state's Gaussians `[S, K]`.
    """

    phones: tuple[str, ...]
    means: Array
    precisions: Array
    weights: Array

    def scores(self, x_TD: Array) -> Array:
        """Log probabilities of frames in each state `[T, S]`, up to a constant."""
        each = self.of_each(x_TD)
        top: Array = each.max(-1)
        return top if each.shape[-1] == 1 else top + np.log(np.exp(each - top[..., None]).sum(-1))

    def of_each(self, x_TD: Array) -> Array:
        """Log probabilities of frames and each Gaussian `[T, S, K]`, up to a constant."""
        states, count, channels = self.means.shape
        precisions = self.precisions.reshape(-1, channels)
        scaled = precisions * self.means.reshape(-1, channels)
        fixed = 0.5 * (np.log(self.precisions) - self.precisions * self.means**2).sum(-1) + self.weights
        each: Array = x_TD @ scaled.T - (0.5 * x_TD**2) @ precisions.T + fixed.reshape(-1)
        return each.reshape(-1, states, count)


def best_paths(scores: Sequence[Array], chains: Sequence[Chain]) -> list[Ids]:
    """The most probable state of each utterance's chain at each of its frames, from the first state to the last.

    Args:
        scores: Log probabilities `[T, S]` of each utterance, in the model's states.
        chains: Their chains, none longer than its utterance.
    """
    count, frames, states = len(chains), max(map(len, scores)), max(len(chain.states) for chain in chains)
    if count > 1 and count * frames * states > LARGEST:
        half = count // 2
        return best_paths(scores[:half], chains[:half]) + best_paths(scores[half:], chains[half:])
    of_model = scores[0].shape[1]
    given = np.full((frames, count, of_model + 1), IMPOSSIBLE)
    which = np.full((count, states), of_model)  # padding is in a state that is impossible
    for b, (score, chain) in enumerate(zip(scores, chains, strict=True)):
        given[: len(score), b, :-1] = score
        which[b, : len(chain.states)] = chain.states
    which += (of_model + 1) * np.arange(count)[:, None]
    jumps = [
        (b, state, chain.jumps[state]) for b, chain in enumerate(chains) for state in np.flatnonzero(chain.jumps >= 0)
    ]
    row, state, origin = np.array(jumps, np.int64).reshape(-1, 3).T

    came = np.zeros((frames, count, states), np.int8)  # 0: stayed, 1: from the state before, 2: jumped
    best = np.full((count, states), IMPOSSIBLE)
    best[:, 0] = given[0].take(which[:, 0])
    before = np.full_like(best, IMPOSSIBLE)
    for t in range(1, frames):
        before[:, 1:] = best[:, :-1]
        jumped = best[row, origin]
        np.greater(before, best, out=came[t], casting="unsafe")
        best = np.maximum(before, best)
        wins = jumped > best[row, state]
        best[row[wins], state[wins]] = jumped[wins]
        came[t, row[wins], state[wins]] = 2
        best += given[t].take(which)
    return [_traced(came[: len(score), b], chain) for b, (score, chain) in enumerate(zip(scores, chains, strict=True))]


def _traced(came_TS: NDArray[np.int8], chain: Chain) -> Ids:
    path = np.zeros(len(came_TS), np.int64)
    state = len(chain.states) - 1
    for t in range(len(path) - 1, -1, -1):
        path[t] = state
        step = came_TS[t, state]
        state = state - 1 if step == 1 else int(chain.jumps[state]) if step == 2 else state
    return path


def fits(frames: Array, words: Words) -> bool:
    """Whether an utterance is long enough for its phones."""
    return len(frames) >= STATES * sum(map(len, words))


def learn(utterances: Sequence[tuple[Array, Words]], advance: Callable[[], object] = lambda: None) -> PhoneModel:
    """Learn a model from utterances that are long enough for their phones.

    Args:
        utterances: Features and phones of each.
        advance: Called after each of the rounds.
    """
    ordered = sorted(utterances, key=lambda utterance: len(utterance[0]))  # so that few frames are padding
    frames, texts = [x for x, _ in ordered], [words for _, words in ordered]
    phones = (PAUSE, *sorted({phone for words in texts for word in words for phone in word} - {PAUSE}))
    chains = [chain_of(words, phones, pauses=False) for words in texts]
    everything = np.concatenate(frames)
    labels = np.concatenate([c.states[_equal_parts(len(x), c)] for x, c in zip(frames, chains, strict=True)])
    model = _gaussians(everything, labels, phones)
    for number, count in enumerate(ROUNDS):
        if number == PAUSES_FROM:
            chains = [chain_of(words, phones) for words in texts]
        found = [path for part in _parts(frames, chains, model) for path in part]
        labels = np.concatenate([c.states[path] for c, path in zip(chains, found, strict=True)])
        model = _gaussians(everything, labels, phones) if count == 1 else _mixtures(everything, labels, model, count)
        advance()
    return model


def _parts(frames: Sequence[Array], chains: Sequence[Chain], model: PhoneModel) -> Iterator[list[Ids]]:
    for start in range(0, len(frames), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        yield best_paths([model.scores(x) for x in frames[part]], chains[part])


def _equal_parts(count: int, chain: Chain) -> Ids:
    """Pauses of FIRST_PAUSE frames, and states of equal length elsewhere."""
    silent = chain.states < STATES
    pause = min(FIRST_PAUSE / STATES, count / len(silent))
    lengths = np.where(silent, pause, (count - pause * silent.sum()) / max(1, np.sum(~silent)))
    return np.searchsorted(np.cumsum(lengths), np.arange(count) + 0.5).clip(0, len(silent) - 1)


def _gaussians(x_TD: Array, labels_T: Ids, phones: tuple[str, ...]) -> PhoneModel:
    """One Gaussian for the frames of each state."""
    floor = LEAST_VARIANCE * x_TD.var(0)
    means, variances = [], []
    for part in _of_states(x_TD, labels_T, len(phones)):
        few = len(part) < FEWEST
        means.append(np.zeros_like(floor) if few else part.mean(0))
        variances.append(x_TD.var(0) if few else np.maximum(part.var(0), floor))
    return PhoneModel(
        phones, np.stack(means)[:, None], 1 / np.stack(variances)[:, None], np.zeros((len(means), 1), np.float32)
    )


def _mixtures(x_TD: Array, labels_T: Ids, model: PhoneModel, count: int) -> PhoneModel:
    """Two steps of expectation and maximization for `count` Gaussians of each state, from half as many at first."""
    if model.means.shape[1] < count:
        shift = 0.3 / np.sqrt(model.precisions)
        model = PhoneModel(
            model.phones,
            np.concatenate([model.means - shift, model.means + shift], axis=1),
            np.concatenate([model.precisions] * 2, axis=1),
            np.concatenate([model.weights] * 2, axis=1) - np.float32(np.log(2)),
        )
    floor = LEAST_VARIANCE * x_TD.var(0)
    means, precisions, weights = model.means.copy(), model.precisions.copy(), model.weights.copy()
    for state, part in enumerate(_of_states(x_TD, labels_T, len(model.phones))):
        if len(part) < FEWEST * count:
            continue
        for _ in range(2):
            one = slice(state, state + 1)
            each = replace(model, means=means[one], precisions=precisions[one], weights=weights[one]).of_each(part)[
                :, 0
            ]
            shares = np.exp(each - each.max(1, keepdims=True))
            shares /= shares.sum(1, keepdims=True)
            total = shares.sum(0)[:, None] + 1e-3
            means[state] = shares.T @ part / total
            precisions[state] = 1 / np.maximum(shares.T @ part**2 / total - means[state] ** 2, floor)
            weights[state] = np.log(total[:, 0] / total.sum())
    return PhoneModel(model.phones, means, precisions, weights)


def _of_states(x_TD: Array, labels_T: Ids, phones: int) -> Iterator[Array]:
    """The frames of each state."""
    order = np.argsort(labels_T, kind="stable")
    edges = np.searchsorted(labels_T[order], np.arange(STATES * phones + 1))
    for start, end in pairwise(edges):
        yield x_TD[order[start:end]]


@dataclass(frozen=True)
class Found:
    """The phones of an utterance.

    Args:
        phones: With pauses.
        ends_s: End of each in seconds; the last is that of the audio.
        fit: How much less probable a frame is than in the most probable state of all, on average, in nats.
    """

    phones: tuple[str, ...]
    ends_s: tuple[float, ...]
    fit: float


def align(model: PhoneModel, utterances: Sequence[tuple[Array, Words, float]]) -> list[Found]:
    """The phones of utterances with their times.

    Args:
        model: Knows all their phones.
        utterances: Features, phones and seconds of each, long enough for its phones.
    """
    chains = [chain_of(words, model.phones) for _, words, _ in utterances]
    scores = [model.scores(x) for x, _, _ in utterances]
    found = []
    for path, chain, score, (_, _, seconds) in zip(best_paths(scores, chains), chains, scores, utterances, strict=True):
        slots = chain.slots[path]
        changes = np.flatnonzero(np.diff(slots)) + 1
        # Frame t is centered at t * HOP_S, so the boundary lies between two centers.
        ends = (*((changes - 0.5) * HOP_S).tolist(), seconds)
        phones = tuple(chain.phones[slot] for slot in slots[[0, *changes]])
        lost = score.max(1) - score[np.arange(len(path)), chain.states[path]]
        found.append(Found(phones, ends, float(lost.mean())))
    return found
