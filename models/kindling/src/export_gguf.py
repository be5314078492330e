# SPDX-License-Identifier: AGPL-3.0-or-later
"""Write a checkpoint as GGUF (llama architecture).

    python3 export_gguf.py --ckpt run/final.npz --tokenizer run/tokenizer.json --out kindling-f16.gguf --type f16
    python3 export_gguf.py ... --out kindling.gguf --type q8_0

Needs the `gguf` Python package (llama.cpp/gguf-py on PYTHONPATH).  Q8_0 is made
here too, so llama-quantize is optional.
"""
import argparse
import json
import os

import gguf
import numpy as np

from tokenizer import SPECIAL, USER

ap = argparse.ArgumentParser()
ap.add_argument("--ckpt", required=True); ap.add_argument("--tokenizer", required=True); ap.add_argument("--out", required=True)
ap.add_argument("--type", choices=["f32", "f16", "q8_0"], default="q8_0"); ap.add_argument("--name", default="Kindling"); ap.add_argument("--version", default="0.1")
a = ap.parse_args()

z = np.load(a.ckpt)
cfg = json.loads(str(z["config"]))
tok = json.load(open(a.tokenizer))
d, ff, H = cfg["d"], cfg["ff"], cfg["d"] // 64
w = gguf.GGUFWriter(a.out, "llama")
w.add_name(a.name); w.add_version(a.version)
w.add_description("Tiny starter model trained from scratch on synthetic conversations. It does not know facts about the world.")
w.add_license("apache-2.0"); w.add_size_label(f"{sum(z[k].size for k in z.files if k != 'config') / 1e6:.1f}M")
w.add_context_length(cfg["ctx"]); w.add_embedding_length(d); w.add_block_count(cfg["layers"]); w.add_feed_forward_length(ff)
w.add_head_count(H); w.add_head_count_kv(H); w.add_layer_norm_rms_eps(cfg["eps"]); w.add_rope_freq_base(cfg["rope_base"]); w.add_rope_dimension_count(64)
w.add_vocab_size(cfg["vocab"])
w.add_file_type({"f32": gguf.LlamaFileType.ALL_F32, "f16": gguf.LlamaFileType.MOSTLY_F16, "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}[a.type])
w.add_tokenizer_model("gpt2"); w.add_tokenizer_pre("gpt-2")
w.add_token_list(tok["vocab"]); w.add_token_merges(tok["merges"])
T = gguf.TokenType
w.add_token_types([T.CONTROL if t in SPECIAL else T.USER_DEFINED if t in USER else T.UNUSED if t.startswith("[unused") else T.NORMAL for t in tok["vocab"]])
ix = {t: i for i, t in enumerate(tok["vocab"])}
w.add_bos_token_id(ix["<|endoftext|>"]); w.add_eos_token_id(ix["<|im_end|>"]); w.add_eot_token_id(ix["<|im_end|>"]); w.add_pad_token_id(ix["<|endoftext|>"])
w.add_sampling_temp(0.2); w.add_sampling_top_k(20)          # defaults of llama.cpp apps unless the user sets them
w.add_add_bos_token(False); w.add_add_eos_token(False)
w.add_chat_template(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "template.jinja")).read())

Q = gguf.GGMLQuantizationType


def put(name, x):
    x = np.ascontiguousarray(x, dtype=np.float32)
    if x.ndim == 1 or a.type == "f32": w.add_tensor(name, x)
    elif a.type == "f16": w.add_tensor(name, x.astype(np.float16))
    else: w.add_tensor(name, gguf.quants.quantize(x, Q.Q8_0), raw_dtype=Q.Q8_0)


put("token_embd.weight", z["emb"])          # output is tied to the embedding
put("output_norm.weight", z["nf"])
for l in range(cfg["layers"]):
    q, k, v = np.split(z[f"{l}.qkv"], 3)     # rope pairs are adjacent (llama "norm" rope), so no permutation
    g, u = np.split(z[f"{l}.gu"], 2)
    for n, x in [("attn_norm", z[f"{l}.n1"]), ("attn_q", q), ("attn_k", k), ("attn_v", v), ("attn_output", z[f"{l}.o"]),
                 ("ffn_norm", z[f"{l}.n2"]), ("ffn_gate", g), ("ffn_up", u), ("ffn_down", z[f"{l}.dn"])]:
        put(f"blk.{l}.{n}.weight", x)
w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
print(a.out, os.path.getsize(a.out) / 1e6, "MB")
