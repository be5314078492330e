# SPDX-License-Identifier: AGPL-3.0-or-later
"""Renders conversations exactly like template.jinja (checked by eval.py against llama-server)."""
import json

TOOLS_HEAD = "# Tools\n\nYou can call these functions:\n<tools>"
TOOLS_TAIL = ("\n</tools>\n\nTo call a function, reply with:\n<tool_call>\n"
              '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>')


def render(messages, tools=None):
    """returns [(text, is_target)]"""
    out, i = [], 0
    sysmsg = messages[0]["content"] if messages and messages[0]["role"] == "system" else None
    if tools:
        s = "<|im_start|>system\n" + (sysmsg + "\n\n" if sysmsg else "") + TOOLS_HEAD
        s += "".join("\n" + json.dumps(t, ensure_ascii=False) for t in tools) + TOOLS_TAIL + "<|im_end|>\n"
        out.append((s, False))
    elif sysmsg is not None:
        out.append((f"<|im_start|>system\n{sysmsg}<|im_end|>\n", False))
    i = 1 if sysmsg is not None else 0
    for k, m in enumerate(messages[i:], i):
        r = m["role"]
        if r == "assistant":
            out.append(("<|im_start|>assistant\n", False))
            c = m.get("content") or ""
            calls = [f'<tool_call>\n{{"name": "{x["name"]}", "arguments": {json.dumps(x["arguments"], ensure_ascii=False)}}}\n</tool_call>' for x in m.get("tool_calls", [])]
            out.append(("\n".join(([c] if c else []) + calls) + "<|im_end|>", True))
            out.append(("\n", False))
        elif r == "tool":
            s = "" if k and messages[k - 1]["role"] == "tool" else "<|im_start|>user"
            s += f"\n<tool_response>\n{m['content']}\n</tool_response>"
            if k + 1 == len(messages) or messages[k + 1]["role"] != "tool": s += "<|im_end|>\n"
            out.append((s, False))
        else:
            out.append((f"<|im_start|>{r}\n{m['content']}<|im_end|>\n", False))
    return out
