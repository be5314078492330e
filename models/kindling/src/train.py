# SPDX-License-Identifier: AGPL-3.0-or-later
"""Train Kindling from scratch on the generated corpus.

    python3 train.py --tokenizer run/tokenizer.json --out run --minutes 50

The learning rate follows progress = max(step / steps, elapsed / minutes): short
warm-up, constant, then linear decay to zero over the last `--decay` fraction.
"""
import argparse
import json
import os
import time

import numpy as np
import torch

import data

ap = argparse.ArgumentParser()
ap.add_argument("--tokenizer", default="run/tokenizer.json"); ap.add_argument("--out", default="run")
ap.add_argument("--backend", choices=["cpu", "torch"], default="cpu", help="cpu: kernels.c (AMX); torch: any device, plain PyTorch 2")
ap.add_argument("--d", type=int, default=256); ap.add_argument("--layers", type=int, default=8); ap.add_argument("--ff", type=int, default=704)
ap.add_argument("--ctx", type=int, default=1024); ap.add_argument("--tokens", type=int, default=8192, help="tokens per step")
ap.add_argument("--steps", type=int, default=10 ** 9); ap.add_argument("--minutes", type=float, default=50)
ap.add_argument("--lr", type=float, default=0.02); ap.add_argument("--lr-adam", type=float, default=0.004)
ap.add_argument("--warmup", type=int, default=40); ap.add_argument("--decay", type=float, default=0.45)
ap.add_argument("--prompt-loss", type=float, default=0.1, help="share of prompt tokens that also get a loss")
ap.add_argument("--seed", type=int, default=1); ap.add_argument("--threads", type=int, default=2); ap.add_argument("--save-every", type=int, default=100)
ap.add_argument("--workers", type=int, default=1, help="generator processes; batches are reproducible with one")
ap.add_argument("--init", help="start from this checkpoint")
a = ap.parse_args()

torch.set_num_threads(a.threads)
os.makedirs(a.out, exist_ok=True)
V = len(json.load(open(a.tokenizer))["vocab"])
cfg = dict(d=a.d, ff=a.ff, vocab=V, layers=a.layers, ctx=a.ctx, rope_base=10000.0, eps=1e-5)
if a.backend == "cpu":
    from fastcpu import FastModel, Optimizer
else:
    from torchmodel import FastModel, Optimizer
model = FastModel(cfg, a.seed)
if a.init:
    z = np.load(a.init)
    for k in model.w: model.w[k].data.copy_(torch.from_numpy(z[k]))
    model.refresh()
opt = Optimizer(model, a.lr, a.lr_adam)
ema = {k: v.detach().clone() for k, v in model.w.items()}
print(f"{sum(v.numel() for v in model.w.values()) / 1e6:.2f} M parameters, config {cfg}", flush=True)


def save(name, w):
    tmp = os.path.join(a.out, "tmp.npz")
    np.savez(tmp, config=json.dumps(cfg), **{k: v.detach().cpu().numpy() for k, v in w.items()})
    os.replace(tmp, os.path.join(a.out, name))




class Threads:
    """On a shared machine one thread can beat two (barriers wait for a busy core): re-measure every 30 steps."""

    def __init__(self, n): self.n, self.best, self.i, self.t = n, n, 0, {}

    def begin(self):
        phase = self.i % 30
        self.now = {0: 1, 1: self.n}.get(phase, self.best)
        torch.set_num_threads(self.now)
        self.start = time.time()

    def end(self, tokens):
        self.t[self.now] = (time.time() - self.start) / tokens
        if self.i % 30 == 1: self.best = min((1, self.n), key=lambda k: self.t[k])
        self.i += 1


threads = Threads(a.threads)
rng = np.random.default_rng(a.seed)
t0 = last = time.time()
seen = step = 0
avg = None
for ids, mask, cu in data.stream(a.tokenizer, a.seed, a.tokens, a.ctx, a.workers):
    prog = max(step / a.steps, (time.time() - t0) / 60 / a.minutes)
    if prog >= 1: break
    scale = min(1, (step + 1) / a.warmup, (1 - prog) / a.decay)
    tgt = np.roll(ids, -1)
    weight = np.roll(mask, -1); weight[cu[1:] - 1] = 0     # predict token i + 1 at position i
    m = weight > 0
    other = ~m & (rng.random(len(ids)) < a.prompt_loss); other[cu[1:] - 1] = False
    spare = np.flatnonzero(~m & ~other)                   # round the number of losses up to a multiple of 256
    other[rng.choice(spare, -(m | other).sum() % 256, replace=False)] = True
    other[cu[1:] - 1] = False
    idx = np.flatnonzero(m | other)
    wt = np.where(m[idx], weight[idx], 0.5).astype(np.float32) / max(1, weight.sum())
    tt = torch.from_numpy
    if a.backend == "cpu": threads.begin()
    loss, grads, tl = model.step(tt(ids), tt(cu), tt(idx), tt(tgt[idx].astype(np.int32)), tt(wt))
    opt.step(grads, scale)
    la = tl.cpu().numpy()[m[idx]].mean()                    # unweighted loss on assistant tokens
    avg = la if avg is None else avg * .98 + la * .02
    decay = min(.99, (1 + step) / (10 + step))
    for k, v in model.w.items():
        if a.backend == "cpu": model.ema(ema[k], v, decay)
        else: ema[k].lerp_(v.detach(), 1 - decay)
    if a.backend == "cpu": threads.end(len(ids))
    seen += len(ids); step += 1
    if step % 20 == 0:
        now = time.time()
        print(f"step {step} min {(now - t0) / 60:.1f} tokens {seen / 1e6:.2f}M loss {la:.3f} avg {avg:.4f} lr {scale:.2f} {20 * a.tokens / (now - last):.0f} tok/s threads {threads.best}", flush=True)
        last = now
    if step % a.save_every == 0: save("ema.npz", ema)
save("ema.npz", ema); save("final.npz", model.w)
json.dump(dict(steps=step, tokens=int(seen), minutes=(time.time() - t0) / 60, loss=float(avg), config=cfg, args=vars(a)), open(os.path.join(a.out, "train.json"), "w"), indent=1)
print("done", flush=True)
