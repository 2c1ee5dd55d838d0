/** Shell lines that several remedies have. */
import { FLOOD_MAC, type InterfaceAddress } from "../../dataplane/data_path.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";

/**
 * Changes an IPv4 setting of a device, or of all of them. A name with a dot needs slashes,
 * because sysctl(8) takes a dot for a separator.
 *
 * @param device `all`, or an interface name; as a peer tells it, in what is only shown
 */
export function setSysctl(
  device: string,
  setting: "forwarding" | "proxy_arp" | "rp_filter",
  value: 0 | 1 | 2,
): string {
  const separator = device.includes(".") ? "/" : ".";
  const key = ["net", "ipv4", "conf", device, setting].join(separator);
  return `sysctl -w ${key}=${value}`;
}

/** Takes an address away from its device. */
export function deleteAddress(
  { address, device, prefixLength }: InterfaceAddress,
): string {
  return `ip address del ${address}/${prefixLength} dev ${device}`;
}

/** Adds a host to those that a device forwards packets for unknown addresses to. */
export function floodTo(device: InterfaceName, host: string): string {
  return `bridge fdb append ${FLOOD_MAC} dev ${device} dst ${host}`;
}
