// SPDX-License-Identifier: AGPL-3.0-or-later
// The one place where the table of methods meets the transport.
import type { Methods } from './methods';
import { Rpc, RpcError, type Socket } from './rpc';

const address = () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/rpc`;

export const rpc = new Rpc<Methods>({ open: () => new WebSocket(address()) as unknown as Socket });

export const call = rpc.call.bind(rpc) as typeof rpc.call;

/** One sentence for a person, whatever was thrown. */
export function sentence(error: unknown): string {
  if (error instanceof Error) return error.message;
  return String(error);
}

export function isKind(error: unknown, ...kinds: string[]): boolean {
  return error instanceof RpcError && kinds.includes(error.kind);
}
