import { parseCidr } from "../ipam/cidr.ts";
import type { NodeService } from "../node_service.ts";
import { checkInterfaceName } from "../routes/interface_name.ts";

const REFUSED = { kind: "refused", sentence: "This is a rehearsal" } as const;

/** Answers as if it had changed what it was asked to, and changes nothing. */
export const REHEARSAL_NODE: NodeService = {
  configureNodeSubnet(text) {
    const subnet = parseCidr(text);
    return Promise.resolve(
      subnet.ok ? { kind: "configured", subnet: subnet.value, changed: true } : REFUSED,
    );
  },
  injectRoute(text, viaInterface) {
    const destination = parseCidr(text);
    const device = checkInterfaceName(viaInterface);
    if (!destination.ok || !device.ok) return Promise.resolve(REFUSED);
    return Promise.resolve({
      kind: "added",
      destination: destination.value,
      device: device.value,
      ifindex: 1,
      warnings: [],
    });
  },
  removeRoute(text) {
    const destination = parseCidr(text);
    return Promise.resolve(
      destination.ok ? { kind: "removed", destination: destination.value } : REFUSED,
    );
  },
};
