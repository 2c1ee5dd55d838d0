import type { InterfaceName } from "../routing/interface_name.ts";

/**
 * The shell command that changes an IPv4 setting of a device, or of all of them. A name
 * with a dot needs slashes, because sysctl(8) takes a dot for a separator.
 */
export function setSysctl(
  device: InterfaceName | "all",
  setting: "forwarding" | "proxy_arp" | "rp_filter",
  value: 0 | 1 | 2,
): string {
  const separator = device.includes(".") ? "/" : ".";
  return `sysctl -w ${
    ["net", "ipv4", "conf", device, setting].join(separator)
  }=${value}`;
}
