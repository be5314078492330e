// SPDX-License-Identifier: AGPL-3.0-or-later
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { compress } from './build/compress.js';
import { licenses } from './build/licenses.js';

// `npm run dev` proxies to a running daemon (HEARTH_URL, with HEARTH_TOKEN = the text of <data>/local/token) or
// to the mock of dev/mock.mjs. The daemon checks Host and Origin; the proxy speaks for itself.
const daemon = process.env.HEARTH_URL ?? 'http://127.0.0.1:1338';
const token = process.env.HEARTH_TOKEN?.trim();

export default defineConfig({
  plugins: [svelte(), licenses(), compress()],
  build: {
    target: 'es2022',
    outDir: 'dist',
    assetsDir: 'assets',
    // The page is served under `default-src 'none'`: nothing may be inlined as data: or as a script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    host: '127.0.0.1',
    port: 5173,
    proxy: {
      '/rpc': {
        target: daemon,
        ws: true,
        changeOrigin: true,
        rewriteWsOrigin: true,
        headers: token ? { authorization: `Bearer ${token}` } : {},
      },
    },
  },
});
