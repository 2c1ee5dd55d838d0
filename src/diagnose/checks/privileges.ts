import type { Facts } from "../facts.ts";
import type { Finding } from "../finding.ts";

/** Whether this process may change routes, and whether it is the only one of its kind. */
export function privilegeChecks(
  { notPermitted, otherSidecar }: Facts,
): readonly Finding[] {
  return [
    ...(notPermitted
      ? [{
        id: "no-permission",
        severity: "critical",
        subject: { kind: "node" },
        found: "Permission denied: changing routes needs CAP_NET_ADMIN",
        meaning:
          "No route is installed, repaired or removed; start the sidecar with that " +
          "capability (docs/security.md, Privileges)",
        // How a process gets a capability depends on how it is started.
        remedy: [],
      }] as const
      : []),
    ...(otherSidecar !== undefined
      ? [{
        id: "other-sidecar",
        severity: "critical",
        subject: { kind: "node" },
        found:
          `Another process has written ${otherSidecar} into table 142, as a second ` +
          "sidecar in this network namespace does",
        meaning: "Each sidecar removes the routes of the other, so stop one of the two",
        // Only a look: which of the two has to go, the operator decides.
        remedy: ["pgrep -af 'main.ts serve'"],
      }] as const
      : []),
  ];
}
