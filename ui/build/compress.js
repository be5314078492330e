// SPDX-License-Identifier: AGPL-3.0-or-later
// Writes a brotli copy beside every compressible file of the bundle, so that the daemon embeds and
// serves both without ever compressing at run time. Fonts and images are left alone: already packed.
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzipSync } from 'node:zlib';

const packable = /\.(html|js|css|svg|json|txt|map)$/;
const brotli = promisify(brotliCompress);

async function* walk(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else yield path;
  }
}

export function compress() {
  let out = 'dist';
  return {
    name: 'hearth-compress',
    apply: 'build',
    configResolved(config) {
      out = join(config.root, config.build.outDir);
    },
    async closeBundle() {
      const first = { bytes: 0, gzip: 0 };
      const html = await readFile(join(out, 'index.html'), 'utf8').catch(() => '');
      for await (const path of walk(out)) {
        if (path.endsWith('.br')) continue;
        const name = path.slice(out.length + 1);
        const raw = await readFile(path);
        if (packable.test(path)) {
          const packed = await brotli(raw, {
            params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: raw.length },
          });
          await writeFile(path + '.br', packed);
        }
        // What the first paint costs: the document, what it names, and the Latin font.
        if (name === 'index.html' || html.includes(name) || /inter-latin-wght/.test(name)) {
          first.bytes += (await stat(path)).size;
          first.gzip += packable.test(path) ? gzipSync(raw, { level: 9 }).length : raw.length;
        }
      }
      console.log(`first paint: ${(first.gzip / 1024).toFixed(1)} KiB gzip of ${(first.bytes / 1024).toFixed(1)} KiB`);
    },
  };
}
