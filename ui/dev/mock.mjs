// SPDX-License-Identifier: AGPL-3.0-or-later
//
// A development tool: a stand-in for the daemon that speaks the page's part of the wire, with everything in
// memory and answers from a script. It exists so that the page can be worked on, looked at and tested
// without an engine. It is no part of Hearth and is never shipped.
//
//   node dev/mock.mjs [--port 1338] [--dist dist] [--speed 1] [--empty] [--signed-out]
//
// With --dist it also serves the built page, under the daemon's own content security policy, so that what
// breaks under it breaks here. A question chooses its answer: "fail", "long", "slow", "think", "stop early".
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { parseArgs } from 'node:util';
import { WebSocketServer } from 'ws';
import { methods, RpcFailure, World } from './mock/world.mjs';

const types = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2',
}; // prettier-ignore
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export async function serve({ port = 1338, dist = null, speed = 1, empty = false, signedOut = false } = {}) {
  const world = new World({ speed, isEmpty: empty, isSignedOut: signedOut });
  const http = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://mock').pathname);
    const name = extname(path) ? normalize(path) : '/index.html';
    const file = dist && join(dist, name);
    const found = file && (await stat(file).catch(() => null));
    if (!found?.isFile()) return response.writeHead(404).end('not found');
    response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream', 'content-security-policy': policy });
    createReadStream(file).pipe(response);
  });
  const sockets = new WebSocketServer({ server: http, path: '/rpc', maxPayload: 8 << 20 });
  sockets.on('connection', (socket) => connection(world, socket));
  await new Promise((resolve) => http.listen(port, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${http.address().port}`;
  world.url = url;
  return {
    url,
    world,
    /** As if the daemon had died: every connection is cut. */
    cut: () => sockets.clients.forEach((socket) => socket.terminate()),
    close: () => {
      world.close();
      sockets.clients.forEach((socket) => socket.terminate());
      return new Promise((resolve) => http.close(resolve));
    },
  };
}

function connection(world, socket) {
  const calls = new Map();
  const send = (message) => socket.readyState === 1 && socket.send(JSON.stringify({ jsonrpc: '2.0', ...message }));
  socket.on('message', async (data) => {
    const { id, method, params = {} } = JSON.parse(String(data));
    if (method === 'rpc.cancel') return calls.get(params.id)?.abort();
    const abort = new AbortController();
    calls.set(id, abort);
    let seq = 0;
    const emit = (event) => send({ method: 'rpc.event', params: { id, seq: ++seq, ...event } });
    try {
      const serve = methods[method];
      if (!serve) throw new RpcFailure(-32601, 'method_not_found', `There is no method ${method}.`);
      if (world.isSignedOut && method !== 'system.info') throw new RpcFailure(-32001, 'denied', `${method} needs the owner's session.`);
      send({ id, result: await serve(world, params, { emit, signal: abort.signal }) });
    } catch (error) {
      const { code = -32603, kind = 'internal' } = error;
      send({ id, error: { code, message: error.message, data: { name: kind } } });
    }
    calls.delete(id);
  });
  socket.on('close', () => calls.forEach((abort) => abort.abort()));
}

if (process.argv[1]?.endsWith('mock.mjs')) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '1338' },
      dist: { type: 'string' },
      speed: { type: 'string', default: '1' },
      empty: { type: 'boolean', default: false },
      'signed-out': { type: 'boolean', default: false },
    },
  });
  const { url } = await serve({
    port: Number(values.port),
    dist: values.dist ?? null,
    speed: Number(values.speed),
    empty: values.empty,
    signedOut: values['signed-out'],
  });
  console.log(`mock (a development tool, not Hearth) on ${url}`);
}
