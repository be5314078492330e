#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes a tiny GGUF with random weights and a byte-level vocabulary, or a damaged one. Standard library only.

    mkgguf.py tiny.gguf                                  # 0.1 M parameters, 259 tokens, context 512
    mkgguf.py big.gguf --vocab 32000 --embed 128 --layers 4 --type f32
    mkgguf.py bad.gguf --damage truncated
    mkgguf.py --damage list

The text that comes out is noise, but it is the same noise for the same --seed: enough for what concerns the engine
and not the model. Any text can be tokenized: each byte is a token. Tokens beyond the 259 are words that no text has.
"""
import argparse
import os
import random
import struct
import sys

U32, F32, STRING, ARRAY, INT32 = 4, 6, 8, 9, 5
TYPES = {'f32': (0, 'f'), 'f16': (1, 'e')}
ALIGN = 32
TEMPLATE = ("{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
            "{% if add_generation_prompt %}[assistant] {% endif %}")
# The form of models that think aloud: llama.cpp finds out by rendering it with and without reasoning.
THINKING = ("{% for m in messages %}<|im_start|>{{ m.role }}\n"
            "{% if m.role == 'assistant' and m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}"
            "{{ m.content }}<|im_end|>\n{% endfor %}"
            "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def text(s):
    data = s.encode()
    return struct.pack('<Q', len(data)) + data


def value(kind, v):
    if kind == STRING:
        return struct.pack('<I', STRING) + text(v)
    return struct.pack('<I', kind) + struct.pack({U32: '<I', F32: '<f', INT32: '<i'}[kind], v)


def array(kind, items):
    pack = {STRING: text, F32: lambda x: struct.pack('<f', x), INT32: lambda x: struct.pack('<i', x)}[kind]
    return struct.pack('<IIQ', ARRAY, kind, len(items)) + b''.join(map(pack, items))


def vocabulary(size):
    """<unk>, <s>, </s>, the 256 bytes, then words with numbers."""
    tokens = ['<unk>', '<s>', '</s>'] + [f'<0x{b:02X}>' for b in range(256)]
    kinds = [2, 3, 3] + [6] * 256
    words = max(0, size - len(tokens))
    tokens += [f'\u2581word{i}' for i in range(words)]
    kinds += [1] * words
    return tokens, [0.0] * 259 + [-1000.0 - i for i in range(words)], kinds


def metadata(o, tokens, scores, kinds):
    arch = o.architecture
    return {
        'general.architecture': value(STRING, arch),
        'general.name': value(STRING, 'tiny-random'),
        'general.file_type': value(U32, TYPES[o.type][0]),
        'general.alignment': value(U32, ALIGN),
        f'{arch}.context_length': value(U32, o.context),
        f'{arch}.embedding_length': value(U32, o.embed),
        f'{arch}.block_count': value(U32, o.layers),
        f'{arch}.feed_forward_length': value(U32, o.feed_forward),
        f'{arch}.rope.dimension_count': value(U32, o.embed // o.heads),
        f'{arch}.attention.head_count': value(U32, o.heads),
        f'{arch}.attention.head_count_kv': value(U32, o.heads),
        f'{arch}.attention.layer_norm_rms_epsilon': value(F32, 1e-5),
        f'{arch}.vocab_size': value(U32, len(tokens)),
        'tokenizer.ggml.model': value(STRING, 'llama'),
        'tokenizer.ggml.tokens': array(STRING, tokens),
        'tokenizer.ggml.scores': array(F32, scores),
        'tokenizer.ggml.token_type': array(INT32, kinds),
        'tokenizer.ggml.unknown_token_id': value(U32, 0),
        'tokenizer.ggml.bos_token_id': value(U32, 1),
        'tokenizer.ggml.eos_token_id': value(U32, 2),
        'tokenizer.ggml.add_space_prefix': struct.pack('<IB', 7, 0),
        'tokenizer.chat_template': value(STRING, THINKING if o.thinking else TEMPLATE),
    }


def shapes(o, vocab):
    e, f = o.embed, o.feed_forward
    yield 'token_embd.weight', (e, vocab)
    yield 'output_norm.weight', (e,)
    yield 'output.weight', (e, vocab)
    for i in range(o.layers):
        at = f'blk.{i}.'
        yield at + 'attn_norm.weight', (e,)
        yield at + 'ffn_norm.weight', (e,)
        for name in 'qkv':
            yield f'{at}attn_{name}.weight', (e, e)
        yield at + 'attn_output.weight', (e, e)
        yield at + 'ffn_gate.weight', (e, f)
        yield at + 'ffn_up.weight', (e, f)
        yield at + 'ffn_down.weight', (f, e)


def weights(shape, kind, dice):
    """Norms are ones; matrices are random, scaled so that signals keep their size."""
    code, letter = TYPES[kind]
    if len(shape) == 1:
        return 0, struct.pack(f'<{shape[0]}f', *[1.0] * shape[0])
    count = shape[0] * shape[1]
    spread = 2.0 / shape[0] ** 0.5
    return code, struct.pack(f'<{count}{letter}', *[dice.uniform(-spread, spread) for _ in range(count)])


def model(o):
    """The four parts of the file, so that a damage can be done to each: counts, metadata, tensor list, data."""
    tokens, scores, kinds = vocabulary(o.vocab)
    meta = metadata(o, tokens, scores, kinds)
    dice = random.Random(o.seed)
    infos, blobs, offset = [], [], 0
    for name, shape in shapes(o, len(tokens)):
        code, data = weights(shape, o.type, dice)
        infos.append([name, shape, code, offset])
        data += b'\0' * (-len(data) % ALIGN)
        blobs.append(data)
        offset += len(data)
    return {'version': 3, 'tensors': len(infos), 'keys': len(meta), 'meta': meta, 'infos': infos, 'blobs': blobs}


def head(m):
    out = b'GGUF' + struct.pack('<IQQ', m['version'], m['tensors'], m['keys'])
    out += b''.join(text(key) + data for key, data in m['meta'].items())
    for name, shape, code, offset in m['infos']:
        out += text(name) + struct.pack('<I', len(shape)) + struct.pack(f'<{len(shape)}Q', *shape)
        out += struct.pack('<IQ', code, offset)
    return out + b'\0' * (-len(out) % ALIGN)


def whole(m):
    return head(m) + b''.join(m['blobs'])


def changed(part, new):
    def damage(m):
        m[part] = new(m[part]) if callable(new) else new
        return whole(m)
    return damage


def changed_key(key, data):
    def damage(m):
        m['meta'][key] = data
        m['keys'] = len(m['meta'])
        return whole(m)
    return damage


def without_key(key):
    def damage(m):
        del m['meta'][key]
        m['keys'] = len(m['meta'])
        return whole(m)
    return damage


def changed_info(field, new):
    def damage(m):
        m['infos'][0][field] = new
        return whole(m)
    return damage


DAMAGES = {
    'empty': lambda m: b'',
    'magic-only': lambda m: b'GGUF',
    'wrong-magic': lambda m: b'FUGG' + whole(m)[4:],
    'random': lambda m: random.Random(1).randbytes(65536),
    'random-after-magic': lambda m: b'GGUF' + random.Random(2).randbytes(65536),
    'version-0': changed('version', 0),
    'version-99': changed('version', 99),
    'tensors-huge': changed('tensors', 1 << 60),
    'tensors-one-more': changed('tensors', lambda n: n + 1),
    'keys-huge': changed('keys', 1 << 62),
    'keys-negative': changed('keys', (1 << 64) - 1),
    'key-length-huge': lambda m: whole(m)[:24] + struct.pack('<Q', 1 << 62) + whole(m)[32:],
    'array-length-huge': changed_key('tokenizer.ggml.scores', struct.pack('<IIQ', ARRAY, F32, 1 << 61)),
    'array-nested': changed_key('tokenizer.ggml.scores', struct.pack('<IIQ', ARRAY, ARRAY, 4) + b'\0' * 64),
    'value-type-unknown': changed_key('general.name', struct.pack('<II', 77, 0)),
    'alignment-0': changed_key('general.alignment', value(U32, 0)),
    'alignment-odd': changed_key('general.alignment', value(U32, 33)),
    'truncated-header': lambda m: head(m)[:len(head(m)) // 2],
    'truncated': lambda m: whole(m)[:-len(m['blobs'][-1]) * 3],
    'no-data': head,
    'tensor-type-unknown': changed_info(2, 999),
    'tensor-offset-outside': changed_info(3, 1 << 40),
    'tensor-offset-odd': changed_info(3, 7),
    'tensor-shape-huge': changed_info(1, (1 << 40, 1 << 40)),
    'tensor-shape-zero': changed_info(1, (0, 0)),
    'tensor-shape-wrong': changed_info(1, (16, 16)),
    'tensor-missing': lambda m: (m['infos'].pop(), m.update(tensors=m['tensors'] - 1), whole(m))[-1],
    'architecture-unknown': changed_key('general.architecture', value(STRING, 'nosuch')),
    'no-architecture': without_key('general.architecture'),
    'no-vocabulary': without_key('tokenizer.ggml.tokens'),
    'no-layers': without_key('llama.block_count'),
    'layers-huge': changed_key('llama.block_count', value(U32, 0xFFFFFFFF)),
    'heads-0': changed_key('llama.attention.head_count', value(U32, 0)),
    'context-0': changed_key('llama.context_length', value(U32, 0)),
    'embedding-string': changed_key('llama.embedding_length', value(STRING, 'many')),
    'template-broken': changed_key('tokenizer.chat_template', value(STRING, '{% for m in messages %}{{ m.')),
    'template-not-utf8': changed_key('tokenizer.chat_template', struct.pack('<IQ', STRING, 3) + b'\xff\xfe\xfd'),
}
# Damages that a reader may accept: the model works, in part or in full.
HARMLESS = ('context-0', 'template-broken', 'template-not-utf8')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', nargs='?')
    parser.add_argument('--vocab', type=int, default=259)
    parser.add_argument('--embed', type=int, default=64)
    parser.add_argument('--layers', type=int, default=2)
    parser.add_argument('--heads', type=int, default=4)
    parser.add_argument('--feed-forward', type=int, default=128)
    parser.add_argument('--context', type=int, default=512)
    parser.add_argument('--type', choices=TYPES, default='f16')
    parser.add_argument('--architecture', default='llama')
    parser.add_argument('--thinking', action='store_true', help='a template with reasoning')
    parser.add_argument('--seed', type=int, default=42)
    parser.add_argument('--damage', help='one of --damage list, or "all": OUT is then a folder')
    o = parser.parse_args()
    if o.damage == 'list':
        for name in DAMAGES:
            print(name, 'harmless' if name in HARMLESS else 'refused')
        return 0
    if not o.out or (o.damage not in (None, 'all') and o.damage not in DAMAGES):
        parser.error('name a file to write, and a damage of --damage list')
    if o.damage == 'all':
        os.makedirs(o.out, exist_ok=True)
        for name, damage in DAMAGES.items():
            with open(f'{o.out}/{name}.gguf', 'wb') as f:
                f.write(damage(model(o)))
        return 0
    with open(o.out, 'wb') as f:
        f.write(DAMAGES[o.damage](model(o)) if o.damage else whole(model(o)))
    return 0


sys.exit(main())
