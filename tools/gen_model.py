# SPDX-License-Identifier: AGPL-3.0-or-later
"""What tools/gen.py makes its outputs from: spec/ and the plugins' files, read and checked.

Definitions are known to the outputs under one name each: their own, or with
the plugin's in front where two files mean different things by one name.
"""
import json
import re

from json_schema import resolve, violations


class Failure(Exception):
    """Something in a file that its author can act on."""


def read_json(path):
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Failure(f'{path}: {error}') from None


def camel(name):
    return ''.join(part[:1].upper() + part[1:] for part in re.split(r'[^A-Za-z0-9]+', name))


class Area:
    """One methods.json: of a plugin, or of spec/methods."""

    def __init__(self, name, path, data, manifest=None, folder=None):
        self.name, self.path, self.data, self.manifest, self.folder = name, path, data, manifest, folder
        self.methods = data.get('methods', {})
        self.topics = data.get('topics', {})
        self.defs = data.get('$defs', {})
        # Each engine serves the same engine.* to inference, in its own child: nobody else reaches them.
        self.is_private = bool(manifest and manifest.get('contributes', {}).get('engines'))


class Model:
    def __init__(self, root):
        self.root = root
        self.problems = []
        self.errors = read_json(root / 'spec/errors.json')['errors']
        self.plugin_schema = read_json(root / 'spec/plugin.schema.json')
        self.methods_schema = read_json(root / 'spec/methods.schema.json')
        self.areas = []
        for path in sorted((root / 'spec/methods').glob('*.json')):
            self.areas.append(Area(path.stem, path, self._checked(path, self.methods_schema)))
        for path in sorted(root.glob('plugins/*/plugin.json')):
            self._add_plugin(path)
        self.by_name = {area.name: area for area in self.areas}
        self._names = self._name_definitions()

    # -- reading ---------------------------------------------------------------

    def _tell(self, path, message):
        self.problems.append(f'{path.relative_to(self.root)}: {message}')

    def _checked(self, path, schema):
        data = read_json(path)
        for where, message in violations(schema, data):
            self._tell(path, f'{where.lstrip(".") or "it"} {message}')
        return data

    def _add_plugin(self, path):
        manifest = self._checked(path, self.plugin_schema)
        folder = path.parent
        methods = folder / 'methods.json'
        data = self._checked(methods, self.methods_schema) if methods.exists() else {}
        if manifest.get('id') != folder.name:
            self._tell(path, f'id is "{manifest.get("id")}" but the folder is {folder.name}')
        if manifest.get('contributes', {}).get('methods') and not methods.exists():
            self._tell(path, 'contributes methods, but there is no methods.json beside it')
        self.areas.append(Area(folder.name, methods if methods.exists() else path, data, manifest, folder))

    def _name_definitions(self):
        users = {}
        for area in self._public():
            for name, schema in area.defs.items():
                users.setdefault(name, []).append((area, schema))
        names = {}
        for name, found in users.items():
            is_one = all(schema == found[0][1] for _, schema in found)
            for area, _ in found:
                names[area.name, name] = name if is_one else camel(area.name) + name
        return names

    # -- asking ----------------------------------------------------------------

    def _public(self):
        return [area for area in self.areas if not area.is_private]

    def methods(self):
        """(name, method, area) of what callers reach, in order of the names."""
        found = [(name, method, area) for area in self._public() for name, method in area.methods.items()]
        return sorted(found, key=lambda row: row[0])

    def topics(self):
        found = [(name, topic, area) for area in self._public() for name, topic in area.topics.items()]
        return sorted(found, key=lambda row: row[0])

    def definitions(self):
        """(name, schema, area) of each distinct definition, in order of the names."""
        found = {}
        for (area, name), known in self._names.items():
            found.setdefault(known, (known, self.by_name[area].defs[name], self.by_name[area]))
        return [found[name] for name in sorted(found)]

    def definition(self, area, ref):
        """The known name, the schema and the area of what a $ref means: '#/$defs/X' or 'plugin#/$defs/X'."""
        plugin, _, name = ref.partition('#/$defs/')
        owner = self.by_name[plugin] if plugin else area
        return self._names[owner.name, name], owner.defs[name], owner

    def resolved(self, area, schema):
        """The schema, one $ref followed, and the area it then belongs to."""
        while isinstance(schema, dict) and '$ref' in schema:
            _, schema, area = self.definition(area, schema['$ref'])
        return schema, area

    # -- checking --------------------------------------------------------------

    def check(self):
        seen, aliases = {}, {}
        for name, method, area in self.methods():
            if name in seen:
                self._tell(area.path, f'{name} is described in {seen[name]} already')
            seen[name] = area.path.relative_to(self.root)
            for alias in method.get('aliases', []):
                if alias in aliases:
                    self._tell(area.path, f'{name}: {alias} is an alias of {aliases[alias]} already')
                aliases[alias] = name
        for area in self.areas:
            for name, method in area.methods.items():
                self._check_method(area, name, method)
            for name, topic in area.topics.items():
                self._check_refs(area, name, topic.get('value', {}))
            self._check_events(area)

    def _check_method(self, area, name, method):
        names = {error['name'] for error in self.errors}
        for error in method.get('errors', []):
            if error not in names:
                self._tell(area.path, f'{name}: there is no error "{error}" in spec/errors.json')
        if method.get('events') and not method.get('stream'):
            self._tell(area.path, f'{name} lists events, but "stream" is not true')
        self._check_refs(area, name, method.get('params', {}), is_params=True)
        self._check_refs(area, name, method.get('result', {}))

    def _check_events(self, area):
        if area.manifest is None:
            return
        listed = set(area.manifest.get('contributes', {}).get('events', []))
        for name in sorted(listed - set(area.topics)):
            self._tell(area.path, f'plugin.json lists the event {name}, but methods.json does not describe it as a topic')
        for name in sorted(set(area.topics) - listed):
            self._tell(area.path, f'the topic {name} is not in plugin.json under contributes.events')

    def _check_refs(self, area, name, schema, is_params=False):
        if isinstance(schema, list):
            for part in schema:
                self._check_refs(area, name, part, is_params)
        if not isinstance(schema, dict):
            return
        ref = schema.get('$ref')
        if isinstance(ref, str):
            plugin = ref.partition('#')[0]
            if plugin and is_params:
                self._tell(area.path, f'{name}: params refer to another file ({ref}); they may only refer to #/$defs')
            try:
                owner = self.by_name[plugin] if plugin else area
                resolve(owner.data, '#' + ref.partition('#')[2])
                if '#/$defs/' not in ref:
                    raise KeyError(ref)
            except (KeyError, TypeError):
                self._tell(area.path, f'{name}: {ref} leads nowhere')
        for key, part in schema.items():
            if key not in ('default', 'const', 'enum', 'examples'):
                self._check_refs(area, name, part, is_params)
