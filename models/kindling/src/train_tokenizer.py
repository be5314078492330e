# SPDX-License-Identifier: AGPL-3.0-or-later
"""python3 train_tokenizer.py --out run/tokenizer.json"""
import argparse, json
import generate as G
from chat import render
import tokenizer as T

ap = argparse.ArgumentParser()
ap.add_argument("--out", default="tokenizer.json"); ap.add_argument("--n", type=int, default=25000)
ap.add_argument("--vocab", type=int, default=3072); ap.add_argument("--space-words", type=int, default=960); ap.add_argument("--seed", type=int, default=777)
a = ap.parse_args()
texts = ["".join(x for x, _ in render(c["messages"], c["tools"])) for c in G.generate(a.seed, a.n)]
d = T.train(texts, a.vocab, a.space_words)
json.dump(d, open(a.out, "w"), ensure_ascii=False)
tok = T.Tokenizer(d)
n = sum(len(tok.encode(x)) for x in texts[:2000]); ch = sum(map(len, texts[:2000]))
print(f"vocab {len(d['vocab'])}, merges {len(d['merges'])}, unused {sum(v.startswith('[unused') for v in d['vocab'])}, {ch / n:.2f} chars/token, {n / 2000:.0f} tokens/conversation")
assert all(tok.decode(tok.encode(x)) == x for x in texts[:500])
