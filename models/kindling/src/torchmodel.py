# SPDX-License-Identifier: AGPL-3.0-or-later
"""Plain PyTorch backend with the same interface as fastcpu.py: any device, bf16 autocast on CUDA."""
import math

import torch
import torch.nn.functional as F

DEV = "cuda" if torch.cuda.is_available() else "cpu"


def attention(q, k, v):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    T = q.shape[-2]
    a = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + torch.full((T, T), float("-inf"), device=q.device).triu(1)
    return a.softmax(-1) @ v


class FastModel:
    def __init__(self, cfg, seed=0):
        self.cfg = cfg
        d, ff, V, n = cfg["d"], cfg["ff"], cfg["vocab"], cfg["layers"]
        g = torch.Generator().manual_seed(seed)
        s = d ** -0.5

        def mat(o, i, std): return (torch.randn(o, i, generator=g) * std).to(DEV).requires_grad_()

        def one(): return torch.ones(d, device=DEV, requires_grad=True)
        self.w = {"emb": mat(V, d, 0.02), "nf": one()}
        for l in range(n):
            self.w.update({f"{l}.qkv": mat(3 * d, d, 0.5 * s), f"{l}.o": mat(d, d, 0.5 * s / math.sqrt(2 * n)),
                           f"{l}.gu": mat(2 * ff, d, 0.5 * s), f"{l}.dn": mat(d, ff, 0.5 * ff ** -0.5 / math.sqrt(2 * n)), f"{l}.n1": one(), f"{l}.n2": one()})
        ang = torch.arange(cfg["ctx"]).float()[:, None] * (cfg["rope_base"] ** (-torch.arange(0, 64, 2).float() / 64))[None]
        self.cos, self.sin = ang.cos().to(DEV), ang.sin().to(DEV)

    def refresh(self): pass

    def norm(self, x, w):
        x = x.float()
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.cfg["eps"]) * w

    def rope(self, x, pos):
        c, s = self.cos[pos][:, None], self.sin[pos][:, None]
        a, b = x[..., 0::2].float(), x[..., 1::2].float()
        return torch.stack([a * c - b * s, a * s + b * c], -1).flatten(-2).to(x.dtype)

    def hidden(self, ids, pos, groups):
        """ids, pos [N]: tokens of all sequences in a row; groups: padded index tables, one per length class"""
        N, w, H = len(ids), self.w, self.cfg["d"] // 64
        h = w["emb"][ids]
        for l in range(self.cfg["layers"]):
            q, k, v = F.linear(self.norm(h, w[f"{l}.n1"]), w[f"{l}.qkv"]).view(N, 3, H, 64).unbind(1)
            q, k = self.rope(q, pos), self.rope(k, pos)
            parts = []
            for ix, real in groups:                      # [S, T] -> [S, H, T, 64]
                y = attention(*(x[ix].transpose(1, 2) for x in (q, k, v))).transpose(1, 2)
                parts.append(y[real])
            y = torch.cat(parts)[self.back].reshape(N, -1)
            h = h + F.linear(y, w[f"{l}.o"])
            g, u = F.linear(self.norm(h, w[f"{l}.n2"]), w[f"{l}.gu"]).chunk(2, -1)
            h = h + F.linear(F.silu(g) * u, w[f"{l}.dn"])
        return self.norm(h, w["nf"])

    def step(self, ids, cu, idx, tgt, wt):
        cu = cu.tolist()
        spans = [(a, b) for a, b in zip(cu, cu[1:]) if b > a]
        if spans[-1][1] - spans[-1][0] > self.cfg["ctx"]: spans[-1] = (spans[-1][0], spans[-1][0] + self.cfg["ctx"])
        N = spans[-1][1]                                 # long filler at the end of a pack is cut
        pos = torch.cat([torch.arange(b - a) for a, b in spans])
        order, groups, n = sorted(spans, key=lambda s: s[1] - s[0]), [], 0
        while order:                                     # sequences of similar length are padded together
            T = order[-1][1] - order[-1][0]
            take = [s for s in order if s[1] - s[0] > T * 0.7]
            order = order[:len(order) - len(take)]
            ix = torch.full((len(take), T), -1)
            for r, (a, b) in enumerate(take): ix[r, :b - a] = torch.arange(a, b)
            groups.append((ix.clamp(min=0).to(DEV), (ix >= 0).to(DEV)))
            n += len(take)
        flat = torch.cat([ix[real] for ix, real in groups])
        self.back = torch.empty_like(flat)
        self.back[flat] = torch.arange(len(flat), device=DEV)
        ids, pos, idx, tgt, wt = ids[:N].long().to(DEV), pos.to(DEV), idx.to(DEV), tgt.long().to(DEV), wt.to(DEV)
        keep = idx < N
        idx, tgt, wt = idx[keep], tgt[keep], wt[keep]
        with torch.autocast(DEV, dtype=torch.bfloat16, enabled=DEV == "cuda"):
            tl = F.cross_entropy(F.linear(self.hidden(ids, pos, groups)[idx], self.w["emb"]).float(), tgt, reduction="none")
        loss = (tl * wt).sum()
        g = torch.autograd.grad(loss, list(self.w.values()))
        full = torch.zeros(len(keep), device=DEV)
        full[keep] = tl.detach()
        return loss.item(), dict(zip(self.w, g)), full


def newton_schulz(x, steps=5):
    x = x.to(torch.bfloat16) / (x.norm() + 1e-12)
    t = x.shape[0] > x.shape[1]
    if t: x = x.t()
    for a, b, c in [(3.4445, -4.7750, 2.0315)] * steps:
        A = x @ x.t()
        x = a * x + (b * A + c * (A @ A)) @ x
    return (x.t() if t else x).float()


class Optimizer:
    def __init__(self, model, lr=0.02, lr_adam=0.003, wd=0.02):
        self.m, self.lr, self.lr_adam, self.wd, self.t = model, lr, lr_adam, wd, 0
        self.s = {k: (torch.zeros_like(v), torch.zeros_like(v)) for k, v in model.w.items()}

    @torch.no_grad()
    def step(self, grads, scale, mu=0.95):
        self.t += 1
        for name, g in grads.items():
            w, (m, v) = self.m.w[name], self.s[name]
            if name.endswith((".qkv", ".o", ".gu", ".dn")):
                m.mul_(mu).add_(g)
                parts = {"qkv": 3, "gu": 2}.get(name.split(".")[1], 1)
                u = torch.cat([newton_schulz(p) for p in (g + mu * m).chunk(parts)])
                lr = self.lr * scale * max(1.0, w.shape[0] / parts / w.shape[1]) ** 0.5
                w.mul_(1 - lr * self.wd).sub_(u, alpha=lr)
            else:
                m.lerp_(g, 0.1); v.lerp_(g * g, 0.02)
                w.sub_(self.lr_adam * scale * (m / (1 - 0.9 ** self.t)) / ((v / (1 - 0.98 ** self.t)).sqrt() + 1e-10))
