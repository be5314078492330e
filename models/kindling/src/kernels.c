/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fused CPU kernels for Kindling training (bf16 activations, fp32 residual).
 *
 * Needs AVX-512 BF16 and AMX-BF16 (Sapphire Rapids or newer).  The matrix
 * products of the linear layers stay in torch.mm; everything else that is slow
 * in a generic torch build (norms, rope + attention, SwiGLU, softmax loss,
 * optimiser updates) lives here.  Built and bound by fastcpu.py.
 */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <omp.h>

typedef uint16_t bf16;
#define HD 64 /* head dimension the attention kernel is written for */

/* ---------------------------------------------------------------- helpers */
static inline __m512 ld(const bf16 *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(
        _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}
static inline void st(bf16 *p, __m512 v) {
    _mm256_storeu_si256((__m256i *)p, (__m256i)_mm512_cvtneps_pbh(v));
}
static inline bf16 f2b(float f) {
    uint32_t u; memcpy(&u, &f, 4);
    return (bf16)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}
static inline float b2f(bf16 b) { uint32_t u = (uint32_t)b << 16; float f; memcpy(&f, &u, 4); return f; }

static inline __m512 vexp(__m512 x) {
    x = _mm512_max_ps(x, _mm512_set1_ps(-87.0f));
    __m512 t = _mm512_mul_ps(x, _mm512_set1_ps(1.44269504f));
    __m512 n = _mm512_roundscale_ps(t, 0);
    __m512 f = _mm512_sub_ps(t, n);
    __m512 p = _mm512_set1_ps(1.33335581e-3f);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.61812911e-3f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.55041087e-2f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.40226507e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.93147182e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, n);
}

/* -------------------------------------------------------------------- AMX */
static __thread int amx_ready = 0;
static void amx_begin(void) {
    if (!amx_ready) { syscall(SYS_arch_prctl, 0x1023, 18); amx_ready = 1; }
    struct { uint8_t palette, start; uint8_t pad[14]; uint16_t colsb[16]; uint8_t rows[16]; } c;
    memset(&c, 0, sizeof c);
    c.palette = 1;
    for (int i = 0; i < 8; i++) { c.colsb[i] = 64; c.rows[i] = 16; }
    /* gcc 12 declares only the first bytes of the operand as read: keep the stores above alive */
    __asm__ volatile("" : : "r"(&c) : "memory");
    _tile_loadconfig(&c);
}

/* C[M,N] (+)= A[M,K] * B, B in VNNI pairs [K/2][ldb][2]; M, N, K multiples of 32 */
static void gemm(float *C, long ldc, const bf16 *A, long lda, const bf16 *B, long ldb,
                 int M, int N, int K, int acc) {
    for (int m = 0; m < M; m += 32)
        for (int n = 0; n < N; n += 32) {
            float *c = C + m * ldc + n;
            if (acc) {
                _tile_loadd(0, c, ldc * 4); _tile_loadd(1, c + 16, ldc * 4);
                _tile_loadd(2, c + 16 * ldc, ldc * 4); _tile_loadd(3, c + 16 * ldc + 16, ldc * 4);
            } else { _tile_zero(0); _tile_zero(1); _tile_zero(2); _tile_zero(3); }
            for (int k = 0; k < K; k += 32) {
                const bf16 *a = A + m * lda + k, *b = B + (k / 2) * ldb * 2 + n * 2;
                _tile_loadd(4, a, lda * 2); _tile_loadd(5, a + 16 * lda, lda * 2);
                _tile_loadd(6, b, ldb * 4); _tile_loadd(7, b + 32, ldb * 4);
                _tile_dpbf16ps(0, 4, 6); _tile_dpbf16ps(1, 4, 7);
                _tile_dpbf16ps(2, 5, 6); _tile_dpbf16ps(3, 5, 7);
            }
            _tile_stored(0, c, ldc * 4); _tile_stored(1, c + 16, ldc * 4);
            _tile_stored(2, c + 16 * ldc, ldc * 4); _tile_stored(3, c + 16 * ldc + 16, ldc * 4);
        }
}

/* X [32, HD] row-major -> VNNI of X^T: out[HD/2][32] as 32-bit pairs */
static void pack_t(bf16 *out, const bf16 *x) {
    const uint32_t *s = (const uint32_t *)x; uint32_t *o = (uint32_t *)out;
    for (int r = 0; r < 32; r++) for (int c = 0; c < HD / 2; c++) o[c * 32 + r] = s[r * (HD / 2) + c];
}
/* X [32, HD] row-major -> VNNI of X: out[16][HD][2] */
static void pack_n(bf16 *out, const bf16 *x) {
    for (int r = 0; r < 16; r++) for (int c = 0; c < HD; c++) {
        out[(r * HD + c) * 2] = x[2 * r * HD + c];
        out[(r * HD + c) * 2 + 1] = x[(2 * r + 1) * HD + c];
    }
}
/* two fp32 rows of 32 -> one VNNI row [32][2] */
static inline void store_pair(bf16 *o, __m512 a0, __m512 a1, __m512 b0, __m512 b1) {
    __m512i x0 = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(a0));
    __m512i x1 = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(a1));
    __m512i y0 = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(b0));
    __m512i y1 = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(b1));
    _mm512_storeu_si512(o, _mm512_or_si512(x0, _mm512_slli_epi32(y0, 16)));
    _mm512_storeu_si512(o + 32, _mm512_or_si512(x1, _mm512_slli_epi32(y1, 16)));
}

/* -------------------------------------------------------------- attention */
static void load_rope(bf16 *dst, const bf16 *src, long stride, int T, int Tp,
                      const float *cs, const float *sn, int rope) {
    for (int t = 0; t < T; t++) {
        const bf16 *s = src + t * stride; bf16 *d = dst + t * HD;
        if (!rope) { memcpy(d, s, HD * 2); continue; }
        const float *c = cs + t * (HD / 2), *n = sn + t * (HD / 2);
        for (int i = 0; i < HD / 2; i++) {
            float a = b2f(s[2 * i]), b = b2f(s[2 * i + 1]);
            d[2 * i] = f2b(a * c[i] - b * n[i]);
            d[2 * i + 1] = f2b(a * n[i] + b * c[i]);
        }
    }
    memset(dst + T * HD, 0, (size_t)(Tp - T) * HD * 2);
}
static void store_unrope(bf16 *dst, long stride, const float *src, int T, const float *cs, const float *sn, int rope) {
    for (int t = 0; t < T; t++) {
        const float *s = src + t * HD; bf16 *d = dst + t * stride;
        if (!rope) { for (int i = 0; i < HD; i += 16) st(d + i, _mm512_loadu_ps(s + i)); continue; }
        const float *c = cs + t * (HD / 2), *n = sn + t * (HD / 2);
        for (int i = 0; i < HD / 2; i++) {
            float a = s[2 * i], b = s[2 * i + 1];
            d[2 * i] = f2b(a * c[i] + b * n[i]);
            d[2 * i + 1] = f2b(-a * n[i] + b * c[i]);
        }
    }
}
static void transpose_bf16(bf16 *dst, const bf16 *src, int Tp) { /* [Tp,HD] -> [HD,Tp] */
    for (int t0 = 0; t0 < Tp; t0 += 32)
        for (int c = 0; c < HD; c++)
            for (int t = t0; t < t0 + 32; t++) dst[(long)c * Tp + t] = src[(long)t * HD + c];
}

/* qkv [N,3*H*HD] bf16; cu [nseq+1] token offsets; out [N,H*HD]; lse [H,N] */
void attn_fwd(const bf16 *qkv, bf16 *out, float *lse, const int32_t *cu, int nseq, int H, long N,
              int Tmax, const float *cs, const float *sn) {
    long d = (long)H * HD;
    int TP = (Tmax + 31) / 32 * 32;
#pragma omp parallel
    {
        amx_begin();
        bf16 *Q = aligned_alloc(64, (size_t)TP * HD * 2), *K = aligned_alloc(64, (size_t)TP * HD * 2);
        bf16 *V = aligned_alloc(64, (size_t)TP * HD * 2), *Vt = aligned_alloc(64, (size_t)TP * HD * 2);
        float *S = aligned_alloc(64, (size_t)TP * 32 * 4), *O = aligned_alloc(64, HD * 32 * 4);
        bf16 *P = aligned_alloc(64, (size_t)TP * 32 * 2), *Qt = aligned_alloc(64, 32 * HD * 2);
        const __m512 scale = _mm512_set1_ps(1.0f / sqrtf(HD));
#pragma omp for schedule(dynamic, 1)
        for (int job = 0; job < nseq * H; job++) {
            int b = job / H, h = job % H, t0 = cu[b], T = cu[b + 1] - t0, Tp = (T + 31) / 32 * 32;
            const bf16 *base = qkv + (long)t0 * 3 * d + h * HD;
            load_rope(Q, base, 3 * d, T, Tp, cs, sn, 1);
            load_rope(K, base + d, 3 * d, T, Tp, cs, sn, 1);
            load_rope(V, base + 2 * d, 3 * d, T, Tp, cs, sn, 0);
            transpose_bf16(Vt, V, Tp);
            for (int q0 = 0; q0 < Tp; q0 += 32) {
                int Tk = q0 + 32;
                pack_t(Qt, Q + (long)q0 * HD);
                gemm(S, 32, K, HD, Qt, 32, Tk, 32, HD, 0);
                __m512 m0 = _mm512_set1_ps(-1e30f), m1 = m0, s0 = _mm512_setzero_ps(), s1 = s0;
                for (int k = 0; k < Tk; k++) {
                    __m512 a = _mm512_mul_ps(_mm512_load_ps(S + k * 32), scale);
                    __m512 c = _mm512_mul_ps(_mm512_load_ps(S + k * 32 + 16), scale);
                    if (k >= q0) {
                        uint32_t keep = 0xffffffffu << (k - q0);
                        a = _mm512_mask_mov_ps(_mm512_set1_ps(-1e30f), (__mmask16)keep, a);
                        c = _mm512_mask_mov_ps(_mm512_set1_ps(-1e30f), (__mmask16)(keep >> 16), c);
                    }
                    _mm512_store_ps(S + k * 32, a); _mm512_store_ps(S + k * 32 + 16, c);
                    m0 = _mm512_max_ps(m0, a); m1 = _mm512_max_ps(m1, c);
                }
                for (int k = 0; k < Tk; k += 2) {
                    __m512 a0 = vexp(_mm512_sub_ps(_mm512_load_ps(S + k * 32), m0));
                    __m512 a1 = vexp(_mm512_sub_ps(_mm512_load_ps(S + k * 32 + 16), m1));
                    __m512 b0 = vexp(_mm512_sub_ps(_mm512_load_ps(S + k * 32 + 32), m0));
                    __m512 b1 = vexp(_mm512_sub_ps(_mm512_load_ps(S + k * 32 + 48), m1));
                    s0 = _mm512_add_ps(s0, _mm512_add_ps(a0, b0)); s1 = _mm512_add_ps(s1, _mm512_add_ps(a1, b1));
                    store_pair(P + k * 32, a0, a1, b0, b1);
                }
                gemm(O, 32, Vt, Tp, P, 32, HD, 32, Tk, 0);
                float mx[32], sm[32];
                _mm512_storeu_ps(mx, m0); _mm512_storeu_ps(mx + 16, m1);
                _mm512_storeu_ps(sm, s0); _mm512_storeu_ps(sm + 16, s1);
                for (int r = 0; r < 32 && q0 + r < T; r++) {
                    float inv = 1.0f / sm[r];
                    bf16 *o = out + (long)(t0 + q0 + r) * d + h * HD;
                    for (int c = 0; c < HD; c++) o[c] = f2b(O[c * 32 + r] * inv);
                    lse[(long)h * N + t0 + q0 + r] = mx[r] + logf(sm[r]);
                }
            }
        }
        free(Q); free(K); free(V); free(Vt); free(S); free(O); free(P); free(Qt);
        _tile_release();
    }
}

void attn_bwd(const bf16 *qkv, const bf16 *out, const bf16 *dout, const float *lse, bf16 *dqkv,
              const int32_t *cu, int nseq, int H, long N, int Tmax, const float *cs, const float *sn) {
    long d = (long)H * HD;
    int TP = (Tmax + 31) / 32 * 32;
#pragma omp parallel
    {
        amx_begin();
        size_t sz = (size_t)TP * HD;
        bf16 *Q = aligned_alloc(64, sz * 2), *K = aligned_alloc(64, sz * 2), *V = aligned_alloc(64, sz * 2);
        bf16 *Kt = aligned_alloc(64, sz * 2), *G = aligned_alloc(64, sz * 2);
        float *dQ = aligned_alloc(64, sz * 4), *dK = aligned_alloc(64, sz * 4), *dV = aligned_alloc(64, sz * 4);
        float *S = aligned_alloc(64, (size_t)TP * 128), *dP = aligned_alloc(64, (size_t)TP * 128);
        bf16 *PT = aligned_alloc(64, (size_t)TP * 64), *ST = aligned_alloc(64, (size_t)TP * 64), *SV = aligned_alloc(64, (size_t)TP * 64);
        bf16 *Qt = aligned_alloc(64, 32 * HD * 2), *Gt = aligned_alloc(64, 32 * HD * 2);
        bf16 *Qn = aligned_alloc(64, 32 * HD * 2), *Gn = aligned_alloc(64, 32 * HD * 2);
        float *dQt = aligned_alloc(64, HD * 32 * 4);
        const __m512 scale = _mm512_set1_ps(1.0f / sqrtf(HD));
#pragma omp for schedule(dynamic, 1)
        for (int job = 0; job < nseq * H; job++) {
            int b = job / H, h = job % H, t0 = cu[b], T = cu[b + 1] - t0, Tp = (T + 31) / 32 * 32;
            const bf16 *base = qkv + (long)t0 * 3 * d + h * HD;
            load_rope(Q, base, 3 * d, T, Tp, cs, sn, 1);
            load_rope(K, base + d, 3 * d, T, Tp, cs, sn, 1);
            load_rope(V, base + 2 * d, 3 * d, T, Tp, cs, sn, 0);
            load_rope(G, dout + (long)t0 * d + h * HD, d, T, Tp, cs, sn, 0);
            transpose_bf16(Kt, K, Tp);
            memset(dK, 0, (size_t)Tp * HD * 4); memset(dV, 0, (size_t)Tp * HD * 4);
            for (int q0 = 0; q0 < Tp; q0 += 32) {
                int Tk = q0 + 32;
                float L[32], D[32];
                for (int r = 0; r < 32; r++) {
                    L[r] = 1e30f; D[r] = 0;
                    if (q0 + r >= T) continue;
                    L[r] = lse[(long)h * N + t0 + q0 + r];
                    const bf16 *o = out + (long)(t0 + q0 + r) * d + h * HD, *g = G + (long)(q0 + r) * HD;
                    __m512 acc = _mm512_setzero_ps();
                    for (int c = 0; c < HD; c += 16) acc = _mm512_fmadd_ps(ld(o + c), ld(g + c), acc);
                    D[r] = _mm512_reduce_add_ps(acc);
                }
                __m512 L0 = _mm512_loadu_ps(L), L1 = _mm512_loadu_ps(L + 16), D0 = _mm512_loadu_ps(D), D1 = _mm512_loadu_ps(D + 16);
                pack_t(Qt, Q + (long)q0 * HD); pack_t(Gt, G + (long)q0 * HD);
                pack_n(Qn, Q + (long)q0 * HD); pack_n(Gn, G + (long)q0 * HD);
                gemm(S, 32, K, HD, Qt, 32, Tk, 32, HD, 0);
                gemm(dP, 32, V, HD, Gt, 32, Tk, 32, HD, 0);
                for (int k = 0; k < Tk; k += 2) {
                    __m512 e[2][2];
                    for (int j = 0; j < 2; j++) {
                        __mmask16 k0 = 0xffff, k1 = 0xffff;
                        if (k + j >= q0) { uint32_t keep = 0xffffffffu << (k + j - q0); k0 = (__mmask16)keep; k1 = (__mmask16)(keep >> 16); }
                        const float *s = S + (k + j) * 32, *p = dP + (k + j) * 32;
                        __m512 p0 = _mm512_maskz_mov_ps(k0, vexp(_mm512_fmsub_ps(_mm512_load_ps(s), scale, L0)));
                        __m512 p1 = _mm512_maskz_mov_ps(k1, vexp(_mm512_fmsub_ps(_mm512_load_ps(s + 16), scale, L1)));
                        st(PT + (k + j) * 32, p0); st(PT + (k + j) * 32 + 16, p1);
                        e[j][0] = _mm512_mul_ps(_mm512_mul_ps(p0, _mm512_sub_ps(_mm512_load_ps(p), D0)), scale);
                        e[j][1] = _mm512_mul_ps(_mm512_mul_ps(p1, _mm512_sub_ps(_mm512_load_ps(p + 16), D1)), scale);
                        st(ST + (k + j) * 32, e[j][0]); st(ST + (k + j) * 32 + 16, e[j][1]);
                    }
                    store_pair(SV + k * 32, e[0][0], e[0][1], e[1][0], e[1][1]);
                }
                gemm(dV, HD, PT, 32, Gn, HD, Tk, HD, 32, 1);
                gemm(dK, HD, ST, 32, Qn, HD, Tk, HD, 32, 1);
                gemm(dQt, 32, Kt, Tp, SV, 32, HD, 32, Tk, 0);
                for (int r = 0; r < 32; r++) for (int c = 0; c < HD; c++) dQ[(long)(q0 + r) * HD + c] = dQt[c * 32 + r];
            }
            bf16 *o = dqkv + (long)t0 * 3 * d + h * HD;
            store_unrope(o, 3 * d, dQ, T, cs, sn, 1);
            store_unrope(o + d, 3 * d, dK, T, cs, sn, 1);
            store_unrope(o + 2 * d, 3 * d, dV, T, cs, sn, 0);
        }
        free(Q); free(K); free(V); free(Kt); free(G); free(dQ); free(dK); free(dV); free(S); free(dP);
        free(PT); free(ST); free(SV); free(Qt); free(Gt); free(Qn); free(Gn); free(dQt);
        _tile_release();
    }
}

/* ---------------------------------------------------------------- rmsnorm */
/* h += delta (delta may be NULL) written to hout; y = h * rstd * w */
void add_rmsnorm(const float *h, const bf16 *delta, float *hout, const float *w, bf16 *y, float *rstd, long N, int d, float eps) {
#pragma omp parallel for schedule(static)
    for (long i = 0; i < N; i++) {
        const float *x = h + i * d; float *o = hout + i * d;
        __m512 acc = _mm512_setzero_ps();
        for (int c = 0; c < d; c += 16) {
            __m512 v = _mm512_loadu_ps(x + c);
            if (delta) v = _mm512_add_ps(v, ld(delta + i * d + c));
            _mm512_storeu_ps(o + c, v);
            acc = _mm512_fmadd_ps(v, v, acc);
        }
        float r = 1.0f / sqrtf(_mm512_reduce_add_ps(acc) / d + eps);
        rstd[i] = r;
        __m512 vr = _mm512_set1_ps(r);
        for (int c = 0; c < d; c += 16)
            st(y + i * d + c, _mm512_mul_ps(_mm512_mul_ps(_mm512_loadu_ps(o + c), vr), _mm512_loadu_ps(w + c)));
    }
}
/* dh += d(rmsnorm)(dy); dhb = bf16(dh); dw accumulates */
void rmsnorm_bwd(const float *h, const float *rstd, const float *w, const bf16 *dy, float *dh, bf16 *dhb, float *dw, long N, int d) {
#pragma omp parallel
    {
        float *loc = calloc(d, 4);
#pragma omp for schedule(static)
        for (long i = 0; i < N; i++) {
            const float *x = h + i * d; const bf16 *g = dy + i * d;
            __m512 vr = _mm512_set1_ps(rstd[i]), acc = _mm512_setzero_ps();
            for (int c = 0; c < d; c += 16) {
                __m512 xn = _mm512_mul_ps(_mm512_loadu_ps(x + c), vr), gy = ld(g + c);
                _mm512_storeu_ps(loc + c, _mm512_fmadd_ps(xn, gy, _mm512_loadu_ps(loc + c)));
                acc = _mm512_fmadd_ps(_mm512_mul_ps(gy, _mm512_loadu_ps(w + c)), xn, acc);
            }
            __m512 m = _mm512_set1_ps(_mm512_reduce_add_ps(acc) / d);
            for (int c = 0; c < d; c += 16) {
                __m512 xn = _mm512_mul_ps(_mm512_loadu_ps(x + c), vr);
                __m512 t = _mm512_mul_ps(ld(g + c), _mm512_loadu_ps(w + c));
                __m512 r = _mm512_fmadd_ps(vr, _mm512_fnmadd_ps(xn, m, t), _mm512_loadu_ps(dh + i * d + c));
                _mm512_storeu_ps(dh + i * d + c, r);
                st(dhb + i * d + c, r);
            }
        }
#pragma omp critical
        for (int c = 0; c < d; c++) dw[c] += loc[c];
        free(loc);
    }
}

/* ----------------------------------------------------------------- swiglu */
void swiglu_fwd(const bf16 *gu, bf16 *a, long N, int ff) {
#pragma omp parallel for schedule(static)
    for (long i = 0; i < N; i++)
        for (int c = 0; c < ff; c += 16) {
            __m512 g = ld(gu + i * 2 * ff + c), u = ld(gu + i * 2 * ff + ff + c);
            __m512 s = _mm512_div_ps(g, _mm512_add_ps(_mm512_set1_ps(1), vexp(_mm512_sub_ps(_mm512_setzero_ps(), g))));
            st(a + i * ff + c, _mm512_mul_ps(s, u));
        }
}
void swiglu_bwd(const bf16 *gu, const bf16 *da, bf16 *dgu, long N, int ff) {
    const __m512 one = _mm512_set1_ps(1);
#pragma omp parallel for schedule(static)
    for (long i = 0; i < N; i++)
        for (int c = 0; c < ff; c += 16) {
            __m512 g = ld(gu + i * 2 * ff + c), u = ld(gu + i * 2 * ff + ff + c), v = ld(da + i * ff + c);
            __m512 s = _mm512_div_ps(one, _mm512_add_ps(one, vexp(_mm512_sub_ps(_mm512_setzero_ps(), g))));
            __m512 gs = _mm512_mul_ps(g, s);
            st(dgu + i * 2 * ff + ff + c, _mm512_mul_ps(v, gs));
            __m512 dg = _mm512_mul_ps(s, _mm512_fmadd_ps(g, _mm512_sub_ps(one, s), one));
            st(dgu + i * 2 * ff + c, _mm512_mul_ps(_mm512_mul_ps(v, u), dg));
        }
}

/* ---------------------------------------------------------- cross entropy */
/* logits [M,V] become d(loss)/d(logits) in place; returns the weighted loss sum */
double ce_fwd_bwd(bf16 *logits, const int32_t *tgt, const float *wt, float *loss, long M, int V) {
    double total = 0;
#pragma omp parallel for schedule(static) reduction(+ : total)
    for (long i = 0; i < M; i++) {
        bf16 *x = logits + i * V;
        __m512 m = _mm512_set1_ps(-1e30f), s = _mm512_setzero_ps();
        for (int c = 0; c < V; c += 16) m = _mm512_max_ps(m, ld(x + c));
        float mx = _mm512_reduce_max_ps(m); m = _mm512_set1_ps(mx);
        for (int c = 0; c < V; c += 16) s = _mm512_add_ps(s, vexp(_mm512_sub_ps(ld(x + c), m)));
        float sum = _mm512_reduce_add_ps(s);
        float xt = b2f(x[tgt[i]]), l = mx + logf(sum) - xt;
        loss[i] = l; total += (double)l * wt[i];
        __m512 k = _mm512_set1_ps(wt[i] / sum);
        for (int c = 0; c < V; c += 16) st(x + c, _mm512_mul_ps(vexp(_mm512_sub_ps(ld(x + c), m)), k));
        x[tgt[i]] = f2b((expf(xt - mx) / sum - 1.0f) * wt[i]);
    }
    return total;
}

/* --------------------------------------------------------------- embedding */
void embed_fwd(const float *E, const int32_t *ids, float *h, long N, int d) {
#pragma omp parallel for schedule(static)
    for (long i = 0; i < N; i++) memcpy(h + i * d, E + (long)ids[i] * d, d * 4);
}
void embed_bwd(float *dE, const int32_t *ids, const float *dh, long N, int d) {
#pragma omp parallel
    { /* each thread owns a range of rows, so no two threads write the same row */
        int nt = omp_get_num_threads(), me = omp_get_thread_num();
        for (long i = 0; i < N; i++) {
            if (ids[i] % nt != me) continue;
            float *o = dE + (long)ids[i] * d; const float *g = dh + i * d;
            for (int c = 0; c < d; c++) o[c] += g[c];
        }
    }
}

/* --------------------------------------------------------------- optimiser */
void adam_step(float *w, bf16 *wb, const float *g, float *m, float *v, long n, float lr, float b1, float b2,
               float eps, float wd, float c1, float c2, float gscale) {
#pragma omp parallel for schedule(static)
    for (long i = 0; i < n; i++) {
        float x = g[i] * gscale;
        m[i] = b1 * m[i] + (1 - b1) * x;
        v[i] = b2 * v[i] + (1 - b2) * x * x;
        w[i] -= lr * (m[i] * c1 / (sqrtf(v[i] * c2) + eps) + wd * w[i]);
        if (wb) wb[i] = f2b(w[i]);
    }
}
/* momentum += g; u = bf16(g + mu * momentum); returns sum of squares of u */
double muon_pre(const bf16 *g, float *buf, bf16 *u, long n, float mu) {
    double ss = 0;
#pragma omp parallel for schedule(static) reduction(+ : ss)
    for (long i = 0; i < n; i++) {
        float x = b2f(g[i]);
        buf[i] = mu * buf[i] + x;
        float y = x + mu * buf[i];
        u[i] = f2b(y); ss += (double)y * y;
    }
    return ss;
}
void muon_post(float *w, bf16 *wb, const bf16 *u, long n, float lr, float wd) {
#pragma omp parallel for schedule(static)
    for (long i = 0; i < n; i++) {
        w[i] = w[i] * (1 - lr * wd) - lr * b2f(u[i]);
        wb[i] = f2b(w[i]);
    }
}
void ema_update(float *e, const float *w, long n, float decay) {
#pragma omp parallel for schedule(static)
    for (long i = 0; i < n; i++) e[i] += (1 - decay) * (w[i] - e[i]);
}
