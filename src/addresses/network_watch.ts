import type { NodeNetwork } from "./ports.ts";

type Listener = (network: NodeNetwork) => void;

/** Reports the node's network once it is known, and each change. */
export class NetworkWatch {
  readonly #listeners = new Set<Listener>();
  #current: NodeNetwork | undefined;

  /** Sends the network to every watcher, unless it is as before. */
  publish(network: NodeNetwork): void {
    const before = this.#current;
    this.#current = network;
    const same = before !== undefined &&
      before.configured?.revision === network.configured?.revision;
    if (same) return;
    for (const listener of this.#listeners) listener(network);
  }

  /** Reports the present network as soon as it is known, and each later one. */
  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    if (this.#current !== undefined) listener(this.#current);
    return () => this.#listeners.delete(listener);
  }

  /** The present network, as soon as it is known. */
  current(): Promise<NodeNetwork> {
    if (this.#current !== undefined) return Promise.resolve(this.#current);
    const { promise, resolve } = Promise.withResolvers<NodeNetwork>();
    const end = this.watch(resolve);
    return promise.finally(end);
  }
}
