# SPDX-License-Identifier: AGPL-3.0-or-later
"""Byte-level BPE, identical to llama.cpp's `gpt2` model with the `gpt-2` pre-tokeniser.

One twist keeps copying easy for a tiny model: a leading space is a token of its
own except in front of frequent lower-case words, and digits are never merged,
so a name or number has the same tokens after a space, a quote or a bracket.
"""
import collections
import json
import re

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]                       # control tokens
USER = ["<tools>", "</tools>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]  # visible, never split
CITE = [f" [{i}]" for i in range(1, 10)]     # a citation is one token, so that quoting a marked sentence copies it along
USER = USER + CITE
# gpt-2 pattern written for the stdlib: letters = [^\W\d_], numbers = \d
PRE = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")
SPLIT = re.compile("(" + "|".join(re.escape(x) for x in SPECIAL + USER) + ")")


def byte_map():
    bs = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    cs, n = bs[:], 0
    for b in range(256):
        if b not in bs:
            bs.append(b); cs.append(256 + n); n += 1
    return dict(zip(bs, map(chr, cs)))


B2U = byte_map()
U2B = {v: k for k, v in B2U.items()}
SP, NL = B2U[32], B2U[10]
# sentence starters that may be merged with the space before them (never names)
STARTERS = set("The This Our Each It I You A That There Then Is Are In Only Keep Please They What Who When Where How Which Do Can For Open Try Hearth Kindling Models Project Invoice Server Book Notes Questions Return Extract Answer Cite Add Give JSON Assistant User Source Question Context".split())


def to_units(s): return "".join(B2U[b] for b in s.encode())


def train(texts, vocab_size, space_words=1000):
    counts, spaced = collections.Counter(), collections.Counter()
    for text in texts:
        for part in SPLIT.split(text):
            if part in SPECIAL or part in USER: continue
            for w in PRE.findall(part):
                if w.startswith(" ") and len(w) > 1:
                    spaced[w[1:]] += 1; w = w[1:]
                counts[w] += 1
    words = {}
    for w, c in counts.items():
        if c < 2 or any(ch.isdigit() for ch in w) or (w.isspace() and set(w) != {"\n"}): continue
        words[tuple(to_units(w))] = c
    base = [B2U[b] for b in range(256)]
    budget = vocab_size - 256 - len(SPECIAL) - len(USER)
    merges = []
    seqs = [list(w) for w in words]; cnt = list(words.values())
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for i, s in enumerate(seqs):
        for p in zip(s, s[1:]):
            pairs[p] += cnt[i]; where[p].add(i)
    while len(merges) < budget - space_words and pairs:
        p = max(pairs, key=lambda k: (pairs[k], k))
        if pairs[p] < 20: break
        merges.append(p)
        new = p[0] + p[1]
        for i in list(where[p]):
            s, c = seqs[i], cnt[i]
            for q in zip(s, s[1:]):
                pairs[q] -= c
                if pairs[q] <= 0: del pairs[q]
            out, j = [], 0
            while j < len(s):
                if j + 1 < len(s) and (s[j], s[j + 1]) == p: out.append(new); j += 2
                else: out.append(s[j]); j += 1
            seqs[i] = out
            for q in zip(out, out[1:]):
                pairs[q] += c; where[q].add(i)
        pairs.pop(p, None)
    have = set(base) | {a + b for a, b in merges}
    for w, c in spaced.most_common():
        u = to_units(w)
        if len(merges) >= budget: break
        if u in have and (w.islower() or not w.isalnum() or w in STARTERS) and c >= 20:
            merges.append((SP, u))
    vocab = base + [a + b for a, b in merges]
    vocab += [f"[unused{i}]" for i in range(vocab_size - len(vocab) - len(SPECIAL) - len(USER))] + SPECIAL + USER
    return {"vocab": vocab, "merges": [f"{a} {b}" for a, b in merges]}


class Tokenizer:
    def __init__(self, path_or_dict):
        d = path_or_dict if isinstance(path_or_dict, dict) else json.load(open(path_or_dict))
        self.vocab, self.merges = d["vocab"], d["merges"]
        self.id = {w: i for i, w in enumerate(self.vocab)}
        self.rank = {tuple(m.split(" ")): i for i, m in enumerate(self.merges)}
        self.cache = {}

    def word(self, w):
        r = self.cache.get(w)
        if r is None:
            s = list(to_units(w))
            while len(s) > 1:
                k = min(range(len(s) - 1), key=lambda i: self.rank.get((s[i], s[i + 1]), 1 << 30))
                if (s[k], s[k + 1]) not in self.rank: break
                s[k:k + 2] = [s[k] + s[k + 1]]
            r = [self.id[x] for x in s]
            if len(self.cache) < 500000: self.cache[w] = r
        return r

    def encode(self, text):
        out = []
        for part in SPLIT.split(text):
            if part in self.id and (part in SPECIAL or part in USER): out.append(self.id[part])
            else:
                for w in PRE.findall(part): out += self.word(w)
        return out

    def decode(self, ids):
        out = b""
        for i in ids:
            w = self.vocab[i]
            out += w.encode() if w in SPECIAL or w in USER or w.startswith("[unused") else bytes(U2B[c] for c in w)
        return out.decode(errors="replace")
