/** The messages between page and worker, as `mix_tunnel.rpc.messages` defines them. Bytes travel in `body`. */

export interface ErrorDescription {
  code: string;
  message: string;
  fields?: Record<string, unknown>;
  retryable?: boolean;
}

interface Head {
  version: 1;
  id: number;
}

export type ToWorker =
  | (Head & { type: "call"; method: string; params: Record<string, unknown>; upload: boolean; body?: ArrayBuffer })
  | (Head & { type: "chunk"; end: boolean; body?: ArrayBuffer })
  | (Head & { type: "credit"; bytes: number })
  | (Head & { type: "cancel" });

/** A page's first words to a shared worker: the lock that it holds as long as it lives. */
export interface Greeting {
  lock: string;
}

export type FromWorker =
  | (Head & { type: "result"; value: any; stream: boolean })
  | (Head & { type: "error" } & ErrorDescription)
  | (Head & { type: "event"; name: string; value: any })
  | (Head & { type: "chunk"; end: boolean; body?: ArrayBuffer })
  | (Head & { type: "credit"; bytes: number });

/** A worker, a port, or anything else that carries whole messages in order. */
export interface Endpoint {
  postMessage(message: ToWorker, transfer: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}
