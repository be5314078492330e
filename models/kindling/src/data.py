# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tokenised batches, generated on the fly in a background process.

A batch is a pack of whole conversations in a row; `cu` holds their offsets.
"""
import multiprocessing as mp
import random

import numpy as np

import generate as G
from chat import render
from tokenizer import CITE, Tokenizer


# loss weight of an assistant token, by kind of conversation: exact copying matters more than chatter
WEIGHT = {"rag": 2, "tool_call": 2, "tool_full": 1.5, "json": 1.5, "memory": 1.5, "ops": 1.5, "summary": 1.5, "story": .6, "ood": .7, "guide": .8, "chat": .8}


def encode(tok, c):
    """token ids and, for each, its loss weight (0 for everything the assistant did not say)"""
    ids, mask, w = [], [], WEIGHT.get(c["kind"], 1)
    for text, target in render(c["messages"], c["tools"]):
        x = tok.encode(text)
        ids += x; mask += [w if target else 0] * len(x)
    if c["kind"] == "rag":      # a citation is one token and carries much: weight it
        cites = {tok.id[x] for x in CITE}
        for i, x in enumerate(ids):
            if x in cites and mask[i]: mask[i] = 6
    return ids, mask


def batches(tok_path, seed, tokens, max_len, pool=600):
    """endless packs of `tokens` tokens of whole conversations"""
    tok, s = Tokenizer(tok_path), seed * 1_000_000
    while True:
        s += 1
        items = [encode(tok, c) for c in G.generate(s, pool)]
        items = [x for x in items if len(x[0]) <= max_len]
        rng = random.Random(s)
        rng.shuffle(items)
        cur, n = [], 0
        for it in items:
            if n + len(it[0]) > tokens and cur:
                yield pack(cur, tokens); cur, n = [], 0
            cur.append(it); n += len(it[0])


def pack(items, size):
    """fixed size (the rest is filler without loss): constant shapes keep allocator and oneDNN caches small"""
    rest = size - sum(len(i) for i, _ in items)
    if rest > 0: items = items + [([0] * rest, [0] * rest)]
    ids = np.concatenate([np.array(i, np.int32) for i, _ in items])
    mask = np.concatenate([np.array(m, np.float32) for _, m in items])
    cu = np.cumsum([0] + [len(i) for i, _ in items]).astype(np.int32)
    return ids, mask, cu


def worker(q, *a):
    for b in batches(*a): q.put(b)


def stream(tok_path, seed, tokens, max_len, workers=1, depth=24):
    q = mp.Queue(depth)
    for w in range(workers):
        mp.Process(target=worker, args=(q, tok_path, seed * 100 + w, tokens, max_len), daemon=True).start()
    while True: yield q.get()
