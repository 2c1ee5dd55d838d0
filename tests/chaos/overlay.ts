/** A host whose overlay device comes and goes. */
import { addVxlan, type Namespace } from "../support/namespace.ts";
import { makeQuietNamespace } from "../e2e/host.ts";

/** What may be wrong with vxlan100. */
export type OverlayState = "up" | "down" | "missing";

/** A namespace with vxlan100, or without it. */
export interface Overlay extends AsyncDisposable {
  readonly namespace: Namespace;
  readonly state: OverlayState;
  /** Brings vxlan100 into a state, whatever it was before. */
  turn(state: OverlayState): Promise<void>;
}

/** Makes a namespace without IPv6, and vxlan100 in a state. */
export async function makeNamespaceWith(state: OverlayState): Promise<Overlay> {
  const namespace = await makeQuietNamespace();
  let current: OverlayState = "missing";
  const overlay: Overlay = {
    namespace,
    get state() {
      return current;
    },
    turn: async (next) => {
      if (next === current) return;
      if (next === "missing") await namespace.ip("link delete vxlan100");
      else if (current === "missing") await addVxlan(namespace, { up: next === "up" });
      else await namespace.ip(`link set vxlan100 ${next}`);
      current = next;
    },
    [Symbol.asyncDispose]: () => namespace[Symbol.asyncDispose](),
  };
  await overlay.turn(state);
  return overlay;
}
