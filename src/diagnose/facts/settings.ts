/** The IPv4 settings of devices, `net.ipv4.conf`. */
import type { Netconf } from "../../dataplane/data_path.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";
import type { Facts } from "../facts.ts";

/** The settings of a device; those of all devices for undefined. */
export function settingsOf(
  { netconf }: Pick<Facts, "netconf">,
  device: InterfaceName | undefined,
): Netconf | undefined {
  return netconf.find((settings) => settings.device === device);
}

/** True if a device answers ARP requests for others: by its own setting or by that of all. */
export function isProxying(
  facts: Pick<Facts, "netconf">,
  device: InterfaceName,
): boolean {
  return [undefined, device].some((each) => settingsOf(facts, each)?.proxyArp === true);
}
