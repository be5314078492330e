# SPDX-License-Identifier: AGPL-3.0-or-later
"""Evaluate a GGUF through llama-server (greedy, its own chat template and tool-call parser).

    python3 eval.py --model kindling.gguf --tokenizer run/tokenizer.json --server path/to/llama-server --n 100 --out eval.json

Prompts come from the generator with held-out seeds (new entities, names, numbers, tools), plus
the hand-written prompts of eval_wild.json, whose wording the generator does not use.
"""
import argparse
import collections
import json
import random
import re
import subprocess
import time
import urllib.request

import generate as G
from chat import render
from tokenizer import Tokenizer

ap = argparse.ArgumentParser()
ap.add_argument("--model", required=True); ap.add_argument("--tokenizer", required=True); ap.add_argument("--server", required=True)
ap.add_argument("--n", type=int, default=100); ap.add_argument("--out", default="eval.json"); ap.add_argument("--transcripts", default="transcripts.md")
ap.add_argument("--wild", default="eval_wild.json"); ap.add_argument("--port", type=int, default=18233); ap.add_argument("--threads", type=int, default=1)
ap.add_argument("--server-args", default="", help="extra llama-server arguments, e.g. --no-repack")
ap.add_argument("--seed", type=int, default=987654321); ap.add_argument("--show-errors", type=int, default=0)
a = ap.parse_args()
URL = f"http://127.0.0.1:{a.port}"


def post(path, body):
    r = urllib.request.Request(URL + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(r, timeout=120))


def openai(msgs):
    out = []
    for i, m in enumerate(msgs):
        m = dict(m)
        if m.get("tool_calls"):
            m["tool_calls"] = [{"id": f"call_{i}", "type": "function", "function": {"name": c["name"], "arguments": json.dumps(c["arguments"])}} for c in m["tool_calls"]]
        if m["role"] == "tool": m["tool_call_id"] = f"call_{i - 1}"
        out.append(m)
    return out


def ask(msgs, tools=None, max_tokens=220, **kw):
    body = {"messages": openai(msgs), "temperature": 0, "max_tokens": max_tokens, **kw}
    if tools: body["tools"] = tools
    r = post("/v1/chat/completions", body)["choices"][0]
    m = r["message"]
    calls = []
    for c in m.get("tool_calls") or []:
        try: calls.append({"name": c["function"]["name"], "arguments": json.loads(c["function"]["arguments"])})
        except ValueError: calls.append({"name": c["function"]["name"], "arguments": c["function"]["arguments"]})
    return (m.get("content") or "").strip(), calls, r["finish_reason"]


score = collections.defaultdict(lambda: [0, 0])
errors = []


def mark(key, ok, *info):
    score[key][0] += bool(ok); score[key][1] += 1
    if not ok: errors.append((key,) + info)


REFUSAL = re.compile(r"not (say|mention|give|contain|answer|in the)|could not find|do not (know|mention)|does not (mention|say)", re.I)
OOD = re.compile(r"(larger|bigger) model", re.I)


def judge(c, i):
    """i: index of the assistant message to predict"""
    msgs, ref, k, meta = c["messages"][:i], c["messages"][i], c["kind"], c["meta"]
    text, calls, fin = ask(msgs, c["tools"])
    last = i == len(c["messages"]) - 1
    info = (msgs[-1]["content"][-300:], ref.get("content") or json.dumps(ref.get("tool_calls")), text or json.dumps(calls))
    mark("stops_by_itself", fin in ("stop", "tool_calls"), *info)
    if k == "rag":
        gold, p = ref["content"], "rag_marked_" if meta["marked"] else "rag_plain_"
        cite = re.search(r"\[(\d+)\]", text)
        if i == len(msgs) and i <= 2 and meta.get("answer"):
            mark(p + "answer_value", meta["answer"].rstrip(".") in text, *info)
            mark(p + "citation", cite and int(cite[1]) == meta["cite"], *info)
            mark(p + "answer_and_citation", meta["answer"].rstrip(".") in text and cite and int(cite[1]) == meta["cite"], *info)
            mark(p + "exact_sentence", text == gold, *info)
        elif i <= 2:
            mark(p + "refusal", REFUSAL.search(text) and not cite, *info)
    elif ref.get("tool_calls"):
        want = ref["tool_calls"][0]
        got = calls[0] if calls else {}
        mark("tool_name", got.get("name") == want["name"], *info)
        mark("tool_arguments", got.get("arguments") == want["arguments"], *info)
        mark("tool_name_and_arguments", got.get("name") == want["name"] and got.get("arguments") == want["arguments"] and len(calls) == 1, *info)
    elif msgs[-1]["role"] == "tool":
        mark("tool_final_answer_exact", text == ref["content"], *info)
    elif k == "tool_none" and last:
        mark("tool_not_called_when_unneeded", not calls, *info)
    elif k == "json":
        try: got = json.loads(text)
        except ValueError: got = None
        mark("json_valid", got is not None, *info)
        mark("json_exact", got == meta["answer"], *info)
    elif k == "memory" and last:
        mark("memory_recall", meta["answer"].lower() in text.lower(), *info)
    elif k == "memory_unknown" and last:
        mark("memory_admits_unknown", "not" in text, *info)
    elif k == "ood":
        mark("ood_refusal", OOD.search(text) and not calls, *info)
    elif k == "guide":
        mark("guide_answer", text in GUIDE_OF[ref["content"]], *info)
    elif k in ("title", "summary"):
        mark(k + "_exact", text == ref["content"], *info)
    elif k == "ops":
        mark("text_ops_exact", text == ref["content"], *info)
    elif k == "story":
        h = meta["args"]
        mark("story_has_hero_place_object", all(w.split()[-1].lower() in text.lower() for w in h), *info)


GUIDE_OF = {}
for g in list(G.GUIDE.values()) + list(G.SMALLTALK.values()):
    for _ in range(40):
        xs = {G.t(x) for x in g["a"]}
        for x in xs: GUIDE_OF.setdefault(x, set()).update(xs)
for x in list(GUIDE_OF): GUIDE_OF[x] |= {y for z in GUIDE_OF[x] for y in GUIDE_OF.get(z, ())}

srv = subprocess.Popen([a.server, "-m", a.model, "--jinja", "-c", "1024", "-np", "1", "-t", str(a.threads), "--port", str(a.port), "--no-ui"] + a.server_args.split(),
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    for _ in range(100):
        try:
            if json.load(urllib.request.urlopen(URL + "/health"))["status"] == "ok": break
        except OSError: time.sleep(.1)
    tok = Tokenizer(a.tokenizer)
    result = {}
    # 1. the tokenizer and the template of the GGUF must agree with the training code
    cs = list(G.generate(a.seed, 200))
    same_t = same_k = 0
    for c in cs:
        full = "".join(x for x, _ in render(c["messages"][:-1], c["tools"]))
        got = post("/apply-template", {"messages": openai(c["messages"][:-1]), **({"tools": c["tools"]} if c["tools"] else {})})["prompt"]
        ok = got == full + "<|im_start|>assistant\n"
        if not ok and a.show_errors:
            at = next((i for i, (x, y) in enumerate(zip(full, got)) if x != y), 0)
            print("TEMPLATE", repr(full[max(0, at - 60):at + 60]), repr(got[max(0, at - 60):at + 60]))
        same_t += ok
        same_k += post("/tokenize", {"content": full, "parse_special": True})["tokens"] == tok.encode(full)
    result["template_parity"], result["tokenizer_parity"] = same_t / len(cs), same_k / len(cs)
    # 2. held-out generated prompts
    t0 = time.time()
    for fn, mult in [("rag_marked", 2), ("rag_plain", 2), ("tools", 2), ("extract", 1), ("memory", 1), ("memory_unknown", .4), ("ood", 1), ("guide", 1), ("title", .6), ("summary", .6), ("ops", 1.5), ("story", .3)]:
        for c in G.generate(a.seed + 1 + sum(map(ord, fn)), int(a.n * mult), [fn]):
            js = [j for j, m in enumerate(c["messages"]) if m["role"] == "assistant"]
            if fn.startswith("rag"): js = [j for j in js if j <= 2][:1]
            elif fn == "story": js = js[:1]
            elif fn != "tools": js = js[-1:]
            for j in js: judge(c, j)
    result["rates"] = {k: round(v[0] / v[1], 4) for k, v in sorted(score.items())}
    result["counts"] = {k: v[1] for k, v in sorted(score.items())}
    # 3. structured output with a grammar
    ok = 0
    for c in G.generate(a.seed + 99, 20, ["extract"]):
        sch = {"type": "object", "properties": {k: {"type": ["string", "integer", "array", "null"]} for k in c["meta"]["answer"]}, "required": list(c["meta"]["answer"])}
        try: ok += set(json.loads(ask(c["messages"][:-1], response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": sch}})[0])) == set(c["meta"]["answer"])
        except ValueError: pass
    result["json_schema_constrained_has_all_keys"] = ok / 20
    # 4. hand-written prompts in wording the generator does not use
    wild = json.load(open(a.wild))
    wr, by = [], collections.defaultdict(lambda: [0, 0])
    for w in wild:
        text, calls, fin = ask(w["messages"], w.get("tools"))
        shown = text or "\n".join(json.dumps(c) for c in calls)
        ok = (not w.get("match") or re.search(w["match"], shown, re.I | re.S)) and not (w.get("not") and re.search(w["not"], shown, re.I | re.S)) and (bool(calls) == bool(w.get("call")))
        by[w["kind"]][0] += bool(ok); by[w["kind"]][1] += 1
        wr.append({"kind": w["kind"], "ok": bool(ok), "user": w["messages"][-1]["content"][-160:], "reply": shown})
    result["wild"] = {k: f"{v[0]}/{v[1]}" for k, v in by.items()}
    result["wild_total"] = f"{sum(v[0] for v in by.values())}/{len(wild)}"
    result["wild_replies"] = wr
    # 5. speed
    r = post("/completion", {"prompt": "<|im_start|>user\nTell me a story about Tom and a map<|im_end|>\n<|im_start|>assistant\n", "n_predict": 128, "temperature": 0})["timings"]
    result["speed"] = {"threads": a.threads, "prompt_tokens_per_s": round(r["prompt_per_second"]), "generated_tokens_per_s": round(r["predicted_per_second"])}
    result["seconds"], result["prompts_per_family"], result["seed"] = round(time.time() - t0), a.n, a.seed
    json.dump(result, open(a.out, "w"), indent=1)
    # 6. sample transcripts
    with open(a.transcripts, "w") as f:
        f.write("# Sample transcripts (greedy, through llama-server; unedited)\n")
        for i, c in enumerate([next(iter(G.generate(a.seed + 500 + i, 1, [fn]))) for i, fn in enumerate("rag_marked rag_marked rag_marked rag_plain tools tools tools extract extract memory memory chat chat ood ood guide title summary ops story".split())]):
            f.write(f"\n## {i + 1}. {c['kind']}\n\n")
            hist = []
            for m in c["messages"]:
                if m["role"] != "assistant":
                    hist.append(m)
                    f.write(f"**{m['role']}**: {m['content']}\n\n")
                elif hist and hist[-1]["role"] in ("user", "tool"):
                    text, calls, _ = ask(hist, c["tools"])
                    f.write("**Kindling**: " + (text or "`" + json.dumps(calls) + "`") + "\n\n")
                    hist.append({"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})})
                    if m.get("tool_calls") and not calls: break
            if c["tools"]: f.write("(tools offered: " + ", ".join(x["function"]["name"] for x in c["tools"]) + ")\n")
    print(json.dumps({k: v for k, v in result.items() if k not in ("wild_replies", "counts")}, indent=1))
    random.Random(0).shuffle(errors)
    for e in errors[:a.show_errors]: print("ERR", *[str(x)[-400:] for x in e], sep="\n   ")
finally:
    srv.terminate()
