# SPDX-License-Identifier: AGPL-3.0-or-later
"""A small JSON Schema validator, for the manifests of this tree.

The same part of the 2020-12 draft as src/kernel/schema.c, with nothing but the
standard library; not hardened, since its schemas and values are our own.

    errors = list(violations(schema, value))    # ('contributes.events[0]', 'must match …')
"""
import re

TYPES = {
    'null': lambda v: v is None,
    'boolean': lambda v: isinstance(v, bool),
    'integer': lambda v: isinstance(v, int) and not isinstance(v, bool) or isinstance(v, float) and v.is_integer(),
    'number': lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    'string': lambda v: isinstance(v, str),
    'array': lambda v: isinstance(v, list),
    'object': lambda v: isinstance(v, dict),
}


def resolve(root, ref):
    """What '#/$defs/Name' leads to; KeyError when nothing is there."""
    at = root
    if not ref.startswith('#'):
        raise KeyError(ref)
    for token in ref[1:].split('/')[1:]:
        at = at[token.replace('~1', '/').replace('~0', '~')]
    return at


def is_same(a, b):
    """Python says True == 1 and 1 == 1.0; JSON says only the second."""
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def of_text(schema, value):
    if len(value) < schema.get('minLength', 0):
        yield '', f'is shorter than {schema["minLength"]} characters'
    if len(value) > schema.get('maxLength', len(value)):
        yield '', f'is longer than {schema["maxLength"]} characters'
    if 'pattern' in schema and not re.search(schema['pattern'], value):
        yield '', f'must match {schema["pattern"]}, got "{value}"'


def of_number(schema, value):
    checks = (('minimum', lambda a, b: a >= b), ('maximum', lambda a, b: a <= b),
              ('exclusiveMinimum', lambda a, b: a > b), ('exclusiveMaximum', lambda a, b: a < b))
    for keyword, holds in checks:
        if keyword in schema and not holds(value, schema[keyword]):
            yield '', f'{value} breaks {keyword} {schema[keyword]}'


def of_array(schema, value, root):
    if len(value) < schema.get('minItems', 0) or len(value) > schema.get('maxItems', len(value)):
        yield '', f'has {len(value)} elements, which is not allowed'
    if schema.get('uniqueItems') and any(is_same(a, b) for i, a in enumerate(value) for b in value[:i]):
        yield '', 'has the same element twice'
    for i, item in enumerate(value):
        if 'items' in schema:
            for path, message in violations(schema['items'], item, root):
                yield f'[{i}]{path}', message


def of_object(schema, value, root):
    for name in schema.get('required', []):
        if name not in value:
            yield f'.{name}', 'is missing'
    known = schema.get('properties', {})
    for name, item in value.items():
        if 'propertyNames' in schema:
            for _, message in violations(schema['propertyNames'], name, root):
                yield f'.{name}', f'is not a good name: it {message}'
        child = known.get(name, schema.get('additionalProperties', True))
        if child is False:
            yield f'.{name}', 'is not known here; known are ' + ', '.join(sorted(known))
        else:
            for path, message in violations(child, item, root):
                yield f'.{name}{path}', message


def of_alternatives(schema, value, root):
    for part in schema.get('allOf', []):
        yield from violations(part, value, root)
    for keyword in ('anyOf', 'oneOf'):
        if keyword not in schema:
            continue
        tried = [list(violations(part, value, root)) for part in schema[keyword]]
        fits = sum(not found for found in tried)
        if fits == 0:
            # The alternative that got furthest into the value is the one that was meant.
            yield from max(tried, key=lambda found: max(path.count('.') + path.count('[') for path, _ in found))
        elif keyword == 'oneOf' and fits > 1:
            yield '', 'fits more than one of the forms that exclude each other'
    if 'not' in schema and not list(violations(schema['not'], value, root)):
        yield '', 'has a form that is not allowed'


def violations(schema, value, root=None):
    """Yields (path, message) for everything in `value` that `schema` does not allow."""
    root = schema if root is None else root
    if isinstance(schema, bool):
        if not schema:
            yield '', 'is not allowed here'
        return
    if '$ref' in schema:
        yield from violations(resolve(root, schema['$ref']), value, root)
    types = schema.get('type', [])
    types = [types] if isinstance(types, str) else types
    if types and not any(TYPES[name](value) for name in types):
        yield '', f'must be {" or ".join(types)}, got {type(value).__name__}'
        return
    if 'const' in schema and not is_same(value, schema['const']):
        yield '', f'must be {schema["const"]!r}, got {value!r}'
    if 'enum' in schema and not any(is_same(value, choice) for choice in schema['enum']):
        yield '', f'must be one of {", ".join(map(str, schema["enum"]))}, got {value!r}'
    if isinstance(value, str):
        yield from of_text(schema, value)
    elif TYPES['number'](value):
        yield from of_number(schema, value)
    elif isinstance(value, list):
        yield from of_array(schema, value, root)
    elif isinstance(value, dict):
        yield from of_object(schema, value, root)
    yield from of_alternatives(schema, value, root)
