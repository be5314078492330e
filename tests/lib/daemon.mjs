// SPDX-License-Identifier: AGPL-3.0-or-later
// A real daemon on a folder of its own, for the suites that are written in JavaScript; lib/daemon.py is its sibling.
// The program is $HEARTH_BIN, else `hearth` in $HEARTH_BUILD, else in build/dev.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

function binary() {
  const path = resolve(process.env.HEARTH_BIN ?? join(process.env.HEARTH_BUILD ?? join(root, 'build/dev'), 'hearth'));
  if (!existsSync(path)) throw new Error(`${path} is not built; run make build-dev, or name the program in HEARTH_BIN`);
  return path;
}

export class RpcError extends Error {
  constructor(error) {
    super(error.message);
    this.code = error.code;
    this.data = error.data ?? {};
  }
}

/** Starts a daemon; `models` are echo models by name, each with its knobs. Ends with close(). */
export async function startDaemon({ models = {}, args = [] } = {}) {
  const data = await mkdtemp(join(tmpdir(), 'hearth-'));
  const daemon = new Daemon(data, args);
  for (const [name, knobs] of Object.entries(models)) await daemon.addFile(`models/${name}.echo`, JSON.stringify(knobs));
  await daemon.start();
  return daemon;
}

class Daemon {
  constructor(data, args) {
    Object.assign(this, { data, args, url: '', said: '', process: null });
  }

  /** Starts the process; on a later start it keeps its port, as a page that is open expects. */
  async start() {
    const { DISPLAY: _, WAYLAND_DISPLAY: __, HEARTH_DATA: ___, ...env } = process.env;
    const listen = this.url ? new URL(this.url).host : '127.0.0.1:0';
    const log = openSync(`${this.data}.log`, 'a');
    this.process = spawn(binary(), ['serve', '--data', this.data, '--listen', listen, ...this.args], { env, stdio: ['ignore', 'pipe', log] });
    closeSync(log);
    this.ended = new Promise((end) => this.process.once('exit', (code, signal) => end(code ?? signal)));
    this.said = '';
    const ready = new Promise((found) => {
      this.process.stdout.setEncoding('utf8').on('data', (text) => {
        this.said += text;
        const url = /^hearth: ready on (http:\S+)\n/m.exec(this.said)?.[1];
        if (url) found(url);
      });
    });
    const first = await Promise.race([ready, this.ended]);
    if (typeof first !== 'string' || !first.startsWith('http')) throw new Error(`the daemon ended with ${first} before it was ready: ${await this.log()}`);
    this.url = first;
    this.token = (await readFile(join(this.data, 'local/token'), 'utf8')).trim();
  }

  async stop(signal = 'SIGTERM') {
    this.process.kill(signal);
    return this.ended;
  }

  async close() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.stop('SIGKILL');
    await rm(this.data, { recursive: true, force: true });
    await rm(`${this.data}.log`, { force: true });
  }

  async addFile(path, content) {
    const full = join(this.data, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, content);
  }

  async log() {
    return `${this.said}${await readFile(`${this.data}.log`, 'utf8')}`;
  }

  async rpc(method, params = {}) {
    const answer = await fetch(`${this.url}/rpc`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.token}` },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    const { result, error } = await answer.json();
    if (error) throw new RpcError(error);
    return result;
  }

  /** An address that signs one browser in. */
  async link() {
    return (await this.rpc('sessions.key.create')).url;
  }

  /** How many places of a loaded model are taken. */
  async busy(model) {
    const { models } = await this.rpc('inference.loaded');
    return models.find((one) => one.model === model)?.slots_busy ?? 0;
  }
}

/** Waits for a state, never for a time; the first true value is returned. */
export async function until(condition, what, limitMs = 20_000) {
  for (const end = Date.now() + limitMs; ; await new Promise((next) => setTimeout(next, 5))) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`never happened within ${limitMs} ms: ${what}`);
  }
}
