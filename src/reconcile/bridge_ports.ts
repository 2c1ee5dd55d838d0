import { answerOf, type Dataplane } from "../dataplane/dataplane.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import { describeBridgePort } from "../routing/messages.ts";

/** Warns, once for each device and bridge, of routes through a port of a bridge. */
export class BridgePorts {
  readonly #dataplane: Dataplane;
  readonly #masters = new Map<InterfaceName, InterfaceName>();

  constructor(dataplane: Dataplane) {
    this.#dataplane = dataplane;
  }

  /** The warnings that are due for a route through `device`, which `master` may own. */
  async warnings(
    device: InterfaceName,
    master: InterfaceName | undefined,
  ): Promise<readonly string[]> {
    if (master === undefined) {
      this.#masters.delete(device);
      return [];
    }
    if (this.#masters.get(device) === master) return [];
    const isBridge = await this.#isBridge(master);
    // Without an answer the next route through the device asks again.
    if (isBridge === undefined) return [];
    this.#masters.set(device, master);
    return isBridge ? [describeBridgePort(device, master)] : [];
  }

  /** A bond or a VRF carries packets well. */
  async #isBridge(device: InterfaceName): Promise<boolean | undefined> {
    const reply = await this.#dataplane.run([{ command: { kind: "bridge", device } }]);
    const result = reply.kind === "answered" ? reply.results[0] : undefined;
    return answerOf(result, "bridge")?.isBridge;
  }
}
