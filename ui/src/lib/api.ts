// SPDX-License-Identifier: AGPL-3.0-or-later
// The one place where the table of methods meets the transport.
import type { Methods } from './methods';
import { Rpc, RpcError, type Socket } from './rpc';

const address = () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/rpc`;

export const rpc = new Rpc<Methods>({ open: () => new WebSocket(address()) as unknown as Socket });

export const call = rpc.call.bind(rpc) as typeof rpc.call;

/** One sentence for a person, whatever was thrown. */
export function sentence(error: unknown): string {
  return capital(error instanceof Error ? error.message : String(error));
}

/** A message of the daemon begins small, as it does in a terminal; a name (a file's, a model's) stays as it is. */
export function capital(text: string): string {
  return /^[a-z]+ /.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

export function isKind(error: unknown, ...kinds: string[]): boolean {
  return error instanceof RpcError && kinds.includes(error.kind);
}
