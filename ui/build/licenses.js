// SPDX-License-Identifier: AGPL-3.0-or-later
// Writes licenses.txt: the notices of everything third-party that the bundle carries.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export function licenses() {
  let root = '.';
  const names = new Set();
  return {
    name: 'hearth-licenses',
    apply: 'build',
    configResolved(config) {
      root = config.root;
    },
    moduleParsed({ id }) {
      const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id);
      if (found) names.add(found[1]);
    },
    generateBundle() {
      names.add('@fontsource-variable/inter'); // Comes in through CSS, as a file.
      const parts = [...names].sort().flatMap((name) => {
        const folder = join(root, 'node_modules', name);
        if (!existsSync(join(folder, 'package.json'))) return [];
        const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
        const files = readdirSync(folder).filter((file) => /^(licen[sc]e|copying|notice)/i.test(file));
        const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim());
        return [`${name} ${version} (${license})\n\n${texts.join('\n\n')}`];
      });
      const rule = `\n\n${'-'.repeat(78)}\n\n`;
      this.emitFile({ type: 'asset', fileName: 'licenses.txt', source: `The page of Hearth carries these works of others.${rule}${parts.join(rule)}\n` });
    },
  };
}
