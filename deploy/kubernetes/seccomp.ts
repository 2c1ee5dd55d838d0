/**
 * Makes a seccomp profile for the sidecar of a runtime's own default profile: of netlink
 * it lets through rtnetlink alone, which carries links, addresses, routes, rules and
 * neighbours. IPsec policies, generic netlink (mptcp, l2tp, macsec), nftables and audit are
 * other protocols of netlink(7), and none of them is needed.
 *
 * `deno task seccomp <DEFAULT.json >quilt-sidecar.json`, where CRI-O and Podman have their
 * default in /usr/share/containers/seccomp.json.
 */
import { isJsonObject, type JsonObject, parseJsonObject } from "../json.ts";

const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;

/** Rules for socket(2): one of another family, or of this protocol. Any other is refused. */
const SOCKETS: readonly JsonObject[] = [
  [0, AF_NETLINK, "SCMP_CMP_NE"] as const,
  [2, NETLINK_ROUTE, "SCMP_CMP_EQ"] as const,
].map(([index, value, op]) => ({
  names: ["socket"],
  action: "SCMP_ACT_ALLOW",
  args: [{ index, value, valueTwo: 0, op }],
}));

/**
 * The profile with only these rules for socket(2).
 *
 * @param profile in the form of containers/common, of Docker, or of the OCI runtime
 * specification, whose default refuses what no rule allows
 * @throws {TypeError} if it is in no such form
 */
export function rtnetlinkOnly(profile: JsonObject): JsonObject {
  const { defaultAction, syscalls } = profile;
  if (defaultAction !== "SCMP_ACT_ERRNO" || !Array.isArray(syscalls)) {
    throw new TypeError("Cannot read as a seccomp profile that refuses by default");
  }
  const rules = syscalls.map((rule: unknown) => {
    if (!isJsonObject(rule) || !Array.isArray(rule["names"])) {
      throw new TypeError(`Cannot read as a rule of seccomp: ${JSON.stringify(rule)}`);
    }
    return { ...rule, names: rule["names"].filter((name) => name !== "socket") };
  });
  return {
    ...profile,
    syscalls: [...rules.filter(({ names }) => names.length > 0), ...SOCKETS],
  };
}

if (import.meta.main) {
  const given = parseJsonObject(await new Response(Deno.stdin.readable).text());
  const made = `${JSON.stringify(rtnetlinkOnly(given), undefined, 2)}\n`;
  await new Blob([made]).stream().pipeTo(Deno.stdout.writable);
}
