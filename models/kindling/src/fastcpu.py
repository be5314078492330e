# SPDX-License-Identifier: AGPL-3.0-or-later
"""CPU training backend: hand-written forward/backward over kernels.c.

Linear layers use torch.mm in bf16 (oneDNN reaches the AMX units); the rest is
C.  Sequences are packed without padding: `cu` holds their start offsets and
attention never crosses a boundary.  Master weights are fp32.
"""
import ctypes
import math
import os
import subprocess

import torch

HERE = os.path.dirname(os.path.abspath(__file__))


def build_kernels():
    src, lib = os.path.join(HERE, "kernels.c"), os.path.join(HERE, "libkernels.so")
    if not os.path.exists(lib) or os.path.getmtime(lib) < os.path.getmtime(src):
        subprocess.check_call(["gcc", "-O3", "-march=sapphirerapids", "-ffast-math", "-fopenmp",
                               "-shared", "-fPIC", src, "-o", lib, "-lm"])
    lib = ctypes.CDLL(lib)
    lib.ce_fwd_bwd.restype = ctypes.c_double
    lib.muon_pre.restype = ctypes.c_double
    return lib


def p(t):
    return ctypes.c_void_p(t.data_ptr()) if t is not None else None


L, I, F = ctypes.c_long, ctypes.c_int, ctypes.c_float
BF = torch.bfloat16


class FastModel:
    def __init__(self, cfg, seed=0):
        self.cfg, self.k = cfg, build_kernels()
        d, ff, V, n = cfg["d"], cfg["ff"], cfg["vocab"], cfg["layers"]
        g = torch.Generator().manual_seed(seed)

        def mat(o, i, std):
            return torch.randn(o, i, generator=g) * std
        s = d ** -0.5
        self.w = {"emb": mat(V, d, 0.02), "nf": torch.ones(d)}
        for l in range(n):
            self.w.update({f"{l}.qkv": mat(3 * d, d, 0.5 * s), f"{l}.o": mat(d, d, 0.5 * s / math.sqrt(2 * n)),
                           f"{l}.gu": mat(2 * ff, d, 0.5 * s), f"{l}.dn": mat(d, ff, 0.5 * ff ** -0.5 / math.sqrt(2 * n)),
                           f"{l}.n1": torch.ones(d), f"{l}.n2": torch.ones(d)})
        self.refresh()
        T = cfg["ctx"]
        ang = torch.arange(T).float()[:, None] * (cfg["rope_base"] ** (-torch.arange(0, 64, 2).float() / 64))[None]
        self.cos, self.sin = ang.cos().contiguous(), ang.sin().contiguous()

    def refresh(self):
        """bf16 working copies of the matrices"""
        self.b = {k: v.to(BF) for k, v in self.w.items() if v.dim() == 2}

    def ema(self, e, w, decay):
        self.k.ema_update(p(e), p(w), L(w.numel()), F(decay))

    def step(self, ids, cu, idx, tgt, wt):
        """ids [N], cu [S+1], idx: positions with loss, tgt, wt (already normalised). Returns loss, grads, per-token loss"""
        k, c, w, b = self.k, self.cfg, self.w, self.b
        d, ff, V, n, H, eps = c["d"], c["ff"], c["vocab"], c["layers"], c["d"] // 64, c["eps"]
        N, S, Tm = len(ids), len(cu) - 1, int((cu[1:] - cu[:-1]).max())

        def e(*s, dt=BF):
            return torch.empty(*s, dtype=dt)
        f32 = torch.float32
        h = e(N, d, dt=f32)
        k.embed_fwd(p(w["emb"]), p(ids), p(h), L(N), I(d))
        saved, delta = [], None
        for l in range(n):
            h1, y1, r1 = e(N, d, dt=f32), e(N, d), e(N, dt=f32)
            k.add_rmsnorm(p(h), p(delta), p(h1), p(w[f"{l}.n1"]), p(y1), p(r1), L(N), I(d), F(eps))
            qkv = y1 @ b[f"{l}.qkv"].t()
            att, lse = e(N, d), e(H, N, dt=f32)
            k.attn_fwd(p(qkv), p(att), p(lse), p(cu), I(S), I(H), L(N), I(Tm), p(self.cos), p(self.sin))
            o = att @ b[f"{l}.o"].t()
            h2, y2, r2 = e(N, d, dt=f32), e(N, d), e(N, dt=f32)
            k.add_rmsnorm(p(h1), p(o), p(h2), p(w[f"{l}.n2"]), p(y2), p(r2), L(N), I(d), F(eps))
            gu = y2 @ b[f"{l}.gu"].t()
            a = e(N, ff)
            k.swiglu_fwd(p(gu), p(a), L(N), I(ff))
            delta = a @ b[f"{l}.dn"].t()
            saved.append((h1, y1, r1, qkv, att, lse, h2, y2, r2, gu, a))
            h = h2
        hf, yf, rf = e(N, d, dt=f32), e(N, d), e(N, dt=f32)
        k.add_rmsnorm(p(h), p(delta), p(hf), p(w["nf"]), p(yf), p(rf), L(N), I(d), F(eps))
        ys = yf[idx]
        logits = ys @ b["emb"].t()
        M = len(idx)
        tl = e(M, dt=f32)
        loss = k.ce_fwd_bwd(p(logits), p(tgt), p(wt), p(tl), L(M), I(V))
        g = {}
        dE = (logits.t() @ ys).float()
        dy = torch.zeros(N, d, dtype=BF)
        dy[idx] = logits @ b["emb"]
        dh, dhb = torch.zeros(N, d), e(N, d)
        g["nf"] = torch.zeros(d)
        k.rmsnorm_bwd(p(hf), p(rf), p(w["nf"]), p(dy), p(dh), p(dhb), p(g["nf"]), L(N), I(d))
        for l in reversed(range(n)):
            h1, y1, r1, qkv, att, lse, h2, y2, r2, gu, a = saved.pop()
            da = dhb @ b[f"{l}.dn"]
            g[f"{l}.dn"] = dhb.t() @ a
            dgu = e(N, 2 * ff)
            k.swiglu_bwd(p(gu), p(da), p(dgu), L(N), I(ff))
            dy = dgu @ b[f"{l}.gu"]
            g[f"{l}.gu"] = dgu.t() @ y2
            g[f"{l}.n2"] = torch.zeros(d)
            k.rmsnorm_bwd(p(h2), p(r2), p(w[f"{l}.n2"]), p(dy), p(dh), p(dhb), p(g[f"{l}.n2"]), L(N), I(d))
            datt = dhb @ b[f"{l}.o"]
            g[f"{l}.o"] = dhb.t() @ att
            dqkv = e(N, 3 * d)
            k.attn_bwd(p(qkv), p(att), p(datt), p(lse), p(dqkv), p(cu), I(S), I(H), L(N), I(Tm), p(self.cos), p(self.sin))
            dy = dqkv @ b[f"{l}.qkv"]
            g[f"{l}.qkv"] = dqkv.t() @ y1
            g[f"{l}.n1"] = torch.zeros(d)
            k.rmsnorm_bwd(p(h1), p(r1), p(w[f"{l}.n1"]), p(dy), p(dh), p(dhb), p(g[f"{l}.n1"]), L(N), I(d))
        k.embed_bwd(p(dE), p(ids), p(dh), L(N), I(d))
        g["emb"] = dE
        return loss, g, tl


def newton_schulz(x, steps=5):
    """orthogonalise a bf16 matrix (already scaled to norm <= 1)"""
    t = x.shape[0] > x.shape[1]
    if t:
        x = x.t().contiguous()
    for a, b, c in [(3.4445, -4.7750, 2.0315)] * steps:
        A = x @ x.t()
        B = b * A + c * (A @ A)
        x = a * x + B @ x
    return x.t().contiguous() if t else x


class Optimizer:
    """Muon for the hidden matrices, Adam for embeddings and norms"""

    def __init__(self, model, lr=0.02, lr_adam=0.003, wd=0.02):
        self.m, self.lr, self.lr_adam, self.wd, self.t = model, lr, lr_adam, wd, 0
        self.s = {}
        for k, v in model.w.items():
            self.s[k] = (torch.zeros_like(v),) if self.is_muon(k) else (torch.zeros_like(v), torch.zeros_like(v))

    @staticmethod
    def is_muon(k):
        return k.endswith((".qkv", ".o", ".gu", ".dn"))

    def step(self, grads, scale, mu=0.95):
        self.t += 1
        k, m = self.m.k, self.m
        for name, g in grads.items():
            w, s = m.w[name], self.s[name]
            if self.is_muon(name):
                parts = {"qkv": 3, "gu": 2}.get(name.split(".")[1], 1)
                rows = w.shape[0] // parts
                u = torch.empty(rows, w.shape[1], dtype=BF)
                for i in range(parts):
                    sl = slice(i * rows, (i + 1) * rows)
                    ss = k.muon_pre(p(g[sl]), p(s[0][sl]), p(u), L(u.numel()), F(mu))
                    o = newton_schulz(u * (1.0 / (math.sqrt(ss) + 1e-12)))
                    lr = self.lr * scale * max(1.0, rows / w.shape[1]) ** 0.5
                    k.muon_post(p(w[sl]), p(m.b[name][sl]), p(o), L(u.numel()), F(lr), F(self.wd))
            else:
                c1, c2 = 1 / (1 - 0.9 ** self.t), 1 / (1 - 0.98 ** self.t)
                k.adam_step(p(w), p(m.b.get(name)), p(g), p(s[0]), p(s[1]), L(w.numel()), F(self.lr_adam * scale),
                            F(0.9), F(0.98), F(1e-10), F(0.0), F(c1), F(c2), F(1.0))
