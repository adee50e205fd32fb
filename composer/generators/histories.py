"""Which pasts a variable-order chain can still tell apart, place by place: the static part of exact conditioning.

The state of a back-off chain is the longest suffix of its past that anything stored begins with. Since the model also
conditions on a label of the place (meter, position in the bar), which pasts matter depends on the label here and on the
labels to come: ``R(l)`` holds every history stored under label l, and every history whose continuation matters where it
leads. It is closed: what matters after one more event matters already now. A *spot* is a label together with the
labels to which events lead; in a tune of equal bars there are as many spots as places in a bar.
"""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from composer.generators.history_trie import HistoryTrie, Words
from composer.generators.opened import Opened
from composer.generators.trie import NOT_THERE
from composer.inference.automata import Lattice

if TYPE_CHECKING:
    from composer.generators.markov import Markov

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

WIDEST = 2**24  # keys that are looked up in a table, of 4 bytes each


@dataclass(frozen=True)
class Spot:
    """The chain at one kind of place, as rows (history, token), every history's after those of its back-off.

    The weight of a token s after history h is ``own``[row], of one that has no row there
    ``backoff``[h] times its weight after ``parent``[h]; the probability is the weight over ``total``[h].
    """

    first: Ints  # (H,) the nearest element: 0 the start, else a token + 1; -1 for the empty history
    parent: Ints  # (H,) the history without its oldest token; 0, the empty one, is its own
    levels: Ints  # (K + 1,) where the histories of each length begin; the last is H
    backoff: Floats  # (H,)
    total: Floats  # (H,)
    rows: Ints  # (H + 1,) where the rows of each history begin; those of history 0 are all the tokens that matter
    token: Ints  # (R,) ascending within a history
    own: Floats  # (R,)
    lent: Floats  # (R,) what back-off alone would give: backoff times the weight after the parent
    after: Ints  # (R,) the history that follows, among those of the place to which the token leads
    before: Ints  # (R,) the history that would follow the parent
    may: Bools | None  # (R,) False where a word forbids the row; None: no word does
    start: int  # the history at the beginning of a sequence

    def chain(self, history: int) -> list[int]:
        """The history and its back-offs, shortest first, without the empty one."""
        found = []
        while history:
            found.append(history)
            history = int(self.parent[history])
        return found[::-1]

    @cached_property
    def column(self) -> Ints:
        """(V,) the row of history 0 for each token that has one."""
        tokens = self.token[: self.rows[1]]
        column = np.zeros(int(tokens.max()) + 1, dtype=np.int64)
        column[tokens] = np.arange(len(tokens))
        return column

    def column_of(self, tokens: Ints) -> Ints:
        """(V,) the place of each token of this spot among some of them, ascending; -1 where it is not there."""
        column = np.full(len(self.column), NOT_THERE)
        column[tokens] = np.arange(len(tokens))
        return column


class Histories:
    """The spots of a model in a lattice, at a temperature."""

    def __init__(self, model: Markov, lattice: Lattice, temperature: float = 1.0, words: SequenceOf[Ints] = ()) -> None:
        """``words`` are rows of at least two tokens (of whole events) that may not follow each other anywhere."""
        self.model, self.lattice, self.power, self.words = model, lattice, 1.0 / temperature, words
        self.slots = lattice.slots
        labels = model.label(lattice.constraints.context, lattice.constraints.end)
        self._place(labels)
        self._grow()
        self._close()
        self._spots: dict[int, Spot] = {}
        self._table = np.zeros(0, dtype=np.int32)  # of keys: faster than to search for them

    def spot(self, position: int) -> Spot:
        """The kind of place at a position on a way through the lattice."""
        number = int(self._spot_of[position])
        if number not in self._spots:
            self._spots[number] = self._make(number)
        return self._spots[number]

    # --- places ---------------------------------------------------------------------------------------------------

    def _place(self, labels: Ints) -> None:
        """Number the places: tags (slot and label), where events lead from them, and spots."""
        lattice, slots = self.lattice, self.slots
        self.positions = np.array(sorted(lattice.options), dtype=np.int64)
        keys = labels[self.positions // slots] * slots + self.positions % slots
        self.tags, tag = np.unique(keys, return_inverse=True)  # label x slots + slot
        tag = tag.reshape(-1)
        at = np.full(lattice.end + 1, NOT_THERE)
        at[self.positions] = tag
        sizes = [len(alphabet) for alphabet in lattice.alphabets]
        width = max(sizes)
        self.usable = np.zeros((len(self.tags), width), dtype=bool)  # tokens that may begin at a place
        self.arrives = np.zeros((len(self.tags), width + 1), dtype=bool)  # elements (tokens + 1) that may end there
        self.arrives[at[0], 0] = True
        for position, here in zip(self.positions.tolist(), tag.tolist(), strict=True):
            options = lattice.options[position]
            self.usable[here, options.tokens] = True
            inside = options.after < lattice.end
            self.arrives[at[options.after[inside]], options.tokens[inside] + 1] = True
        durations = [np.unique(lattice.advance(slot)) for slot in range(slots)]
        self.durations = np.unique(np.concatenate(durations))
        self.duration_of: list[Ints] = [np.searchsorted(self.durations, d) for d in map(lattice.advance, range(slots))]
        leads = self.positions[:, None] + self.durations[None, :]
        window = np.where(leads <= lattice.end, at[np.minimum(leads, lattice.end)], NOT_THERE)  # (P, D)
        self._usual_instead(tag, window)
        spots, self._number = np.unique(np.column_stack([tag, window]), axis=0, return_inverse=True)
        self._number = self._number.reshape(-1)
        self.spot_tag, self.window = spots[:, 0], spots[:, 1:]
        self._spot_of = np.full(lattice.end, NOT_THERE)
        self._spot_of[self.positions] = self._number

    @staticmethod
    def _usual_instead(tag: Ints, window: Ints) -> None:
        """Where nothing is reached, what is reached from elsewhere with the same tag: it is never used."""
        usual = np.full((int(tag.max()) + 1, window.shape[1]), NOT_THERE)
        rows, columns = np.nonzero(window != NOT_THERE)
        usual[tag[rows], columns] = window[rows, columns]
        missing = window == NOT_THERE
        window[missing] = usual[tag][missing]

    # --- all histories --------------------------------------------------------------------------------------------

    def _grow(self) -> None:
        """One trie of histories, labels left out, over the stored contexts that can occur here."""
        trie, model = self.model.trie_, self.model
        place = min(model.nearest, model.order - 1) + 1  # the length of contexts that the label ends
        labels = np.unique(self.tags // self.slots)
        used = np.zeros(max(int(trie.element.max()) + 1, int(labels.max()) + 1), dtype=bool)
        used[labels] = True
        known = np.zeros((self.slots, int(trie.element.max()) + 2), dtype=bool)
        known[:, 0] = True
        slot_of_tag = self.tags % self.slots
        for slot in range(self.slots):
            tokens = self.usable[slot_of_tag == slot].any(axis=0)
            known[slot, 1 : len(tokens) + 1] |= tokens[: known.shape[1] - 1]
        kept = np.zeros(len(trie.parent), dtype=bool)
        self.label_of = np.full(len(trie.parent), NOT_THERE)
        roots = int(trie.levels[1])
        kept[:roots] = True
        words = self._possible_words()
        table = HistoryTrie(roots, max(int(trie.element.max()) + 1, self.arrives.shape[1]))
        names = np.arange(len(trie.parent))  # of each stored context among the histories of its length
        found = [(0, np.arange(roots))]  # lengths of histories, and the stored contexts that have them
        for length in range(1, trie.depth + 1):
            nodes = np.arange(trie.levels[length], trie.levels[length + 1])
            nodes = nodes[kept[trie.parent[nodes]]]
            above, element = trie.parent[nodes], trie.element[nodes]
            if length == place:
                nodes, above = nodes[used[element]], above[used[element]]
                self.label_of[nodes] = trie.element[nodes]
                back, names[nodes] = length - 1, names[above]
            else:
                back = length if length < place else length - 1
                there = known[(trie.root[nodes] - back) % self.slots, element]
                nodes, above = nodes[there], above[there]
                self.label_of[nodes] = self.label_of[above]
                names[nodes] = words.add(table, back, names[above], element[there])
            kept[nodes] = True
            found.append((back, nodes))
        for back in range(trie.depth, words.longest + 1):
            words.add(table, back, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
        table.finish()
        self.history_of = np.full(len(trie.parent), NOT_THERE)  # of each stored context that can occur here
        for back, nodes in found:
            self.history_of[nodes] = table.numbers(back, names[nodes])
        self.table = table
        self.banned_after = words.histories(table)  # (B,) the history after which ``banned`` (B,) may not come
        self.banned = words.last

    def _possible_words(self) -> Words:
        """The words whose tokens may all stand somewhere."""
        usable: Bools = np.asarray(self.usable.any(axis=0))
        return Words([word for word in self.words if usable[word].all()])

    def _close(self) -> None:
        """(tags, histories) the local number of each history that matters at a place, -1 for the others."""
        table, tags = self.table, len(self.tags)
        number = len(table.parent)
        member = np.zeros((tags, number), dtype=bool)
        tag_slot, tag_label = self.tags % self.slots, self.tags // self.slots
        arrived: Bools = np.asarray(self.arrives[:, table.first])  # (tags, histories)
        by_label = np.flatnonzero(self.history_of != NOT_THERE)
        by_label = by_label[np.argsort(self.label_of[by_label], kind="stable")]
        edges = np.searchsorted(self.label_of[by_label], np.arange(int(tag_label.max()) + 2))
        self.nodes: list[Ints] = []  # of each tag: its stored contexts, labelled and free
        roots = self.model.trie_.root
        free = by_label[: edges[0]]
        for tag in range(tags):
            label, slot = int(tag_label[tag]), int(tag_slot[tag])
            nodes = np.concatenate([free, by_label[edges[label] : edges[label + 1]]])
            nodes = nodes[roots[nodes] == slot]
            histories = self.history_of[nodes]
            keep = arrived[tag, histories] | (histories < self.slots)
            self.nodes.append(nodes[keep])
            member[tag, histories[keep]] = True
        member[:, self.banned_after] |= arrived[:, self.banned_after] & self.usable[:, self.banned]
        before = self._before()
        for level in range(len(table.levels) - 2, 1, -1):
            ids = np.arange(table.levels[level], table.levels[level + 1])
            there, column = np.nonzero(member[:, ids])
            history = ids[column]
            member[there, table.parent[history]] = True
            there, history = there[table.first[history] > 0], history[table.first[history] > 0]
            duration = self._duration(history)
            tail = table.tail[history]
            for source in before:
                here = source[there, duration]
                reached = (here != NOT_THERE) & arrived[here, tail]
                member[here[reached], tail[reached]] = True
        member &= np.equal(table.root[None, :], tag_slot[:, None])
        self.members = [np.flatnonzero(row) for row in member]
        self.local = np.full(member.shape, NOT_THERE, dtype=np.int32)
        for row, histories in zip(self.local, self.members, strict=True):
            row[histories] = np.arange(len(histories))

    def _before(self) -> list[Ints]:
        """Tables (tags, durations) of the tags from which an event of a duration leads to a tag, as many as needed."""
        spots = np.repeat(self.spot_tag, self.window.shape[1])
        columns = np.tile(np.arange(self.window.shape[1]), len(self.spot_tag))
        there = self.window.ravel()
        triples = np.unique(np.stack([there, columns, spots], axis=1)[there != NOT_THERE], axis=0)
        same = np.ones(len(triples), dtype=bool)
        same[1:] = (triples[1:, :2] == triples[:-1, :2]).all(axis=1)
        same[:1] = False
        run = np.arange(len(triples)) - np.maximum.accumulate(np.where(same, 0, np.arange(len(triples))))
        tables = []
        for number in range(int(run.max()) + 1 if len(run) else 0):
            table = np.full((len(self.tags), self.window.shape[1]), NOT_THERE)
            chosen = triples[run == number]
            table[chosen[:, 0], chosen[:, 1]] = chosen[:, 2]
            tables.append(table)
        return tables

    def _duration(self, histories: Ints) -> Ints:
        """(N,) the number of the duration of each history's nearest token; that of a start is never asked for."""
        table = self.table
        token = np.maximum(table.first[histories] - 1, 0)
        if self.slots > 1:
            return np.zeros(len(histories), dtype=np.int64)  # a serial token lasts one position
        return np.asarray(self.duration_of[0][token])

    # --- one spot -------------------------------------------------------------------------------------------------

    def _make(self, number: int) -> Spot:
        table, trie, tag = self.table, self.model.trie_, int(self.spot_tag[number])
        slot = int(self.tags[tag] % self.slots)
        histories = self.members[tag]  # ascending: by level
        local = self.local[tag]
        parent = np.maximum(local[table.parent[histories]].astype(np.int64), 0)
        levels = np.concatenate([[0], np.searchsorted(histories, table.levels[1:])])
        size = len(self.lattice.alphabets[slot])
        backoff = np.ones(len(histories))
        keys, shares = [], []
        for labelled in (False, True):  # a history's free context first, then its labelled one
            nodes = self.nodes[tag]
            nodes = nodes[(self.label_of[nodes] != NOT_THERE) == labelled]
            owner = local[self.history_of[nodes]].astype(np.int64)
            counts = trie.first[nodes + 1] - trie.first[nodes]
            rows = np.repeat(trie.first[nodes] - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))
            keys.append(np.repeat(owner, counts) * size + trie.token[rows])
            shares.append(trie.alpha[rows])
            if labelled:  # what the free context of the same history gives is lent through the labelled one
                factor = np.ones(len(histories))
                factor[owner] = trie.backoff[nodes]
                shares[0] = shares[0] * factor[keys[0] // size]
            backoff[owner] *= trie.backoff[nodes]
        extension, leads = self._extensions(number, histories, size)
        there = local[self.banned_after] >= 0
        owner, token = local[self.banned_after[there]].astype(np.int64), self.banned[there]
        lent = []  # rows of the histories that those with a forbidden row back off to
        above = parent[owner]
        while above.any():
            lent.append(above * size + token)
            above = parent[above]
        every = np.concatenate([np.arange(size), *keys, extension, owner * size + token, *lent])
        rows, index = np.unique(every, return_inverse=True)
        cuts = np.cumsum([size, len(keys[0]) + len(keys[1]), len(extension), len(owner)])
        _, stored, extended, forbidden, _ = np.split(index.reshape(-1), cuts)
        share = np.asarray(np.bincount(stored, np.concatenate(shares), len(rows)), dtype=np.float64)
        after = np.full(len(rows), NOT_THERE)
        after[extended] = leads
        may = np.ones(len(rows), dtype=bool)
        may[forbidden] = False
        first = np.append(NOT_THERE, table.first[histories[1:]])
        return self._weigh(_Rows(rows // size, rows % size, share, after, may), first, parent, levels, backoff, tag)

    def _extensions(self, number: int, histories: Ints, size: int) -> tuple[Ints, Ints]:
        """Rows (history, token) after which more is remembered than without the oldest token, and where they lead."""
        table, window, tag = self.table, self.window[number], int(self.spot_tag[number])
        first, last = table.tail_rows[histories], table.tail_rows[histories + 1]
        counts = last - first
        index = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))
        longer = table.by_tail[index]
        owner = np.repeat(np.arange(len(histories)), counts)
        token = table.first[longer] - 1
        place = window[self._duration(longer)]
        leads = np.where((token >= 0) & (place != NOT_THERE), self.local[place, longer], NOT_THERE)
        kept = (leads != NOT_THERE) & self.usable[tag, np.maximum(token, 0)]
        return owner[kept] * size + token[kept], leads[kept].astype(np.int64)

    def _weigh(self, rows: _Rows, first: Ints, parent: Ints, levels: Ints, backoff: Floats, tag: int) -> Spot:
        """Probabilities, tempered weights and successors of all rows, from the shortest histories on."""
        size = int(np.searchsorted(rows.owner, 1))  # the empty history has a row for every token
        keys = rows.owner * size + rows.token
        above = self._places(keys, parent[rows.owner] * size + rows.token, len(parent) * size)
        bounds = np.searchsorted(rows.owner, levels)
        p = np.array(rows.share)
        opened = self.lattice.constraints if isinstance(self.lattice.constraints, Opened) else None
        known = self.lattice.known[int(self.tags[tag] % self.slots)]  # what is given beside them is as if unseen
        p[: bounds[1]] += backoff[0] / known if opened is None else backoff[0] * opened.base
        after = rows.after
        after[: bounds[1]] = np.maximum(after[: bounds[1]], 0)
        lent = np.zeros(len(p))
        for start, end in zip(bounds[1:-1].tolist(), bounds[2:].tolist(), strict=True):
            lent[start:end] = backoff[rows.owner[start:end]] * p[above[start:end]]
            p[start:end] += lent[start:end]
            after[start:end] = np.where(after[start:end] < 0, after[above[start:end]], after[start:end])
            rows.may[start:end] &= rows.may[above[start:end]]
        total = np.ones(len(parent))
        own = p
        if self.power != 1.0:
            own, lent, backoff = p**self.power, lent**self.power, backoff**self.power
        if opened is not None:
            own[size - 1] *= opened.mass
        if self.power != 1.0:
            starts = np.searchsorted(rows.owner, np.arange(len(parent)))
            more = np.add.reduceat(np.append(own - lent, 0.0), starts)
            more[starts == np.append(starts[1:], len(own))] = 0.0
            total[0] = own[: size if opened is not None else known].sum()
            for start, end in zip(levels[1:-1].tolist(), levels[2:].tolist(), strict=True):
                total[start:end] = backoff[start:end] * total[parent[start:end]] + more[start:end]
        kept = self.usable[tag, rows.token]
        owner = rows.owner[kept]
        return Spot(
            first, parent, levels, backoff, total,
            rows=np.searchsorted(owner, np.arange(len(parent) + 1)),
            token=rows.token[kept],
            own=np.where(rows.may, own, 0.0)[kept],
            lent=np.where(rows.may[above], lent, 0.0)[kept],
            may=rows.may[kept] if len(self.banned) else None,
            after=after[kept],
            before=after[above][kept],
            start=self._beginning(tag),
        )  # fmt: skip

    def _places(self, keys: Ints, wanted: Ints, end: int) -> Ints:
        """(N,) where the wanted of the keys stand, which are ascending and below ``end``."""
        if end > WIDEST:
            return np.searchsorted(keys, wanted)
        if len(self._table) < end:
            self._table = np.zeros(end, dtype=np.int32)
        self._table[keys] = np.arange(len(keys), dtype=np.int32)
        return np.minimum(self._table[wanted], len(keys) - 1).astype(np.int64)

    def _beginning(self, tag: int) -> int:
        table, history = self.table, int(self.tags[tag] % self.slots)
        while True:
            longer = table.child(history, 0)
            if longer == NOT_THERE or self.local[tag, longer] < 0:
                return int(self.local[tag, history])
            history = longer


@dataclass(frozen=True)
class _Rows:
    owner: Ints
    token: Ints
    share: Floats
    after: Ints
    may: Bools
