// SPDX-License-Identifier: AGPL-3.0-or-later
//
// JSON-RPC 2.0 over one WebSocket. This file owns the socket: numbering of calls, delivery of a call's
// events before its result, cancelling, reconnecting with back-off, and asking again for the topics
// that somebody watches. It knows no method by name but `events.subscribe` and the two notifications
// of the wire (`rpc.event`, `rpc.cancel`), and it holds no application state.
//
// A call made while the link is down fails at once with the name `connection_lost`; nothing is queued,
// because a question that is sent a minute late is worse than one that was visibly not sent. Whoever
// shows data registers `onOpen` and loads it anew: that one path serves the first start and each return.

export type EventKind = 'started' | 'text' | 'reasoning' | 'tool_call' | 'logprob' | 'progress' | 'data' | 'reset';

export interface RpcEvent {
  id: number;
  seq: number;
  kind: EventKind;
  text?: string;
  data?: unknown;
  done?: number;
  total?: number;
}

export type LinkState = 'connecting' | 'open' | 'waiting' | 'closed';

export interface CallOptions {
  onEvent?: (event: RpcEvent) => void;
  /** Aborting sends `rpc.cancel`; the call then ends with the server's own `cancelled` error. */
  signal?: AbortSignal;
}

/** The shape of a generated or hand-written table of methods. */
export type MethodTable<T> = { [M in keyof T]: { params: unknown; result: unknown } };

export class RpcError extends Error {
  readonly code: number;
  /** Stable lower-case name of the error, as in spec/errors.json. */
  readonly kind: string;
  readonly data: Record<string, unknown>;

  constructor(code: number, kind: string, message: string, data: Record<string, unknown> = {}) {
    super(message);
    this.name = 'RpcError';
    this.code = code;
    this.kind = kind;
    this.data = data;
  }
}

/** The part of WebSocket that is used; tests bring their own. */
export interface Socket {
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onclose: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
}

export interface RpcSetup {
  open: () => Socket;
  /** Delays before each attempt to reconnect, in ms; the last one repeats. */
  delays_ms?: number[];
  random?: () => number;
}

interface Pending {
  resolve: (value: unknown) => void;
  reject: (error: RpcError) => void;
  onEvent: ((event: RpcEvent) => void) | undefined;
  detach: () => void;
}

const defaultDelays = [200, 500, 1000, 2000, 4000, 8000];
const lost = () => new RpcError(0, 'connection_lost', 'The connection to Hearth is closed.');

export class Rpc<T extends MethodTable<T>> {
  #setup: RpcSetup;
  #socket: Socket | null = null;
  #state: LinkState = 'closed';
  #next = 1;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pending = new Map<number, Pending>();
  #stateListeners = new Set<(state: LinkState) => void>();
  #openListeners = new Set<() => void>();

  constructor(setup: RpcSetup) {
    this.#setup = setup;
  }

  get state(): LinkState {
    return this.#state;
  }

  onState(listener: (state: LinkState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  /** Runs at every opening of the link, and at once if it is open. */
  onOpen(listener: () => void): () => void {
    this.#openListeners.add(listener);
    if (this.#state === 'open') listener();
    return () => this.#openListeners.delete(listener);
  }

  start(): void {
    if (this.#state === 'closed') this.#connect();
  }

  /** Skips what is left of the back-off: the page became visible, or a person asked. */
  wake(): void {
    if (this.#state !== 'waiting') return;
    clearTimeout(this.#timer);
    this.#attempt = 0;
    this.#connect();
  }

  stop(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    this.#setState('closed');
    this.#failAll();
    socket?.close();
  }

  call<M extends keyof T & string>(
    method: M,
    params: T[M]['params'],
    options: CallOptions = {},
  ): Promise<T[M]['result']> {
    const { onEvent, signal } = options;
    if (this.#state !== 'open' || !this.#socket) return Promise.reject(lost());
    if (signal?.aborted) return Promise.reject(new RpcError(0, 'cancelled', 'The call was cancelled.'));

    const id = this.#next++;
    const cancel = () => this.#write({ jsonrpc: '2.0', method: 'rpc.cancel', params: { id } });
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', cancel, { once: true });
      const detach = () => signal?.removeEventListener('abort', cancel);
      this.#pending.set(id, { resolve, reject, onEvent, detach });
      this.#write({ jsonrpc: '2.0', id, method, params });
    });
  }

  /**
   * Follows topics over any number of reconnections until the returned function is called.
   * `onEnd` hears why the server refused; a lost connection is not a refusal.
   */
  watch(topics: string[], onData: (topic: string, value: unknown) => void, onEnd?: (error: RpcError) => void) {
    let abort = new AbortController();
    const subscribe = () => {
      abort = new AbortController();
      const method = 'events.subscribe' as keyof T & string;
      this.call(method, { topics } as T[typeof method]['params'], {
        signal: abort.signal,
        onEvent: ({ kind, data }) => {
          const event = data as { topic?: string; value?: unknown } | undefined;
          if (kind === 'data' && event?.topic) onData(event.topic, event.value);
        },
      }).catch((error: RpcError) => {
        if (error.kind !== 'connection_lost' && error.kind !== 'cancelled') onEnd?.(error);
      });
    };
    const off = this.onOpen(subscribe);
    return () => {
      off();
      abort.abort();
    };
  }

  #connect(): void {
    this.#setState('connecting');
    const socket = this.#setup.open();
    this.#socket = socket;
    socket.onopen = () => {
      if (this.#socket !== socket) return;
      this.#attempt = 0;
      this.#setState('open');
      for (const listener of [...this.#openListeners]) listener();
    };
    socket.onmessage = ({ data }) => {
      if (this.#socket === socket && typeof data === 'string') this.#receive(data);
    };
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#failAll();
      this.#retry();
    };
  }

  #retry(): void {
    const delays = this.#setup.delays_ms ?? defaultDelays;
    const base = delays[Math.min(this.#attempt, delays.length - 1)] ?? 1000;
    this.#attempt++;
    // Some spread, so that many tabs do not knock in the same millisecond.
    const wait = base * (0.8 + 0.4 * (this.#setup.random ?? Math.random)());
    this.#timer = setTimeout(() => this.#connect(), wait);
    this.#setState('waiting');
  }

  #setState(state: LinkState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of [...this.#stateListeners]) listener(state);
  }

  #failAll(): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const call of pending) {
      call.detach();
      call.reject(lost());
    }
  }

  #write(message: unknown): void {
    if (this.#state === 'open') this.#socket?.send(JSON.stringify(message));
  }

  #receive(text: string): void {
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(text) as Record<string, unknown>;
    } catch {
      return; // Not JSON: nothing that a call could be waiting for.
    }
    if (typeof message !== 'object' || message === null) return;

    if (message.method === 'rpc.event') {
      const event = message.params as RpcEvent;
      this.#pending.get(event?.id)?.onEvent?.(event);
      return;
    }
    if (typeof message.method === 'string') {
      // The page serves no methods; a request must still be answered, or its caller would wait forever.
      if (message.id !== undefined) {
        const error = { code: -32601, message: 'This page serves no methods.', data: { name: 'method_not_found' } };
        this.#write({ jsonrpc: '2.0', id: message.id, error });
      }
      return;
    }
    const call = this.#pending.get(message.id as number);
    if (!call) return;
    this.#pending.delete(message.id as number);
    call.detach();
    if (message.error) call.reject(toError(message.error));
    else call.resolve(message.result);
  }
}

function toError(raw: unknown): RpcError {
  const error = (raw ?? {}) as { code?: number; message?: string; data?: Record<string, unknown> };
  const data = error.data ?? {};
  const kind = typeof data.name === 'string' ? data.name : 'internal';
  return new RpcError(error.code ?? 0, kind, error.message ?? 'The request failed.', data);
}
