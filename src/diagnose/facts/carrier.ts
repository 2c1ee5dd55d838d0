import type { Link } from "../../dataplane/data_path.ts";
import type { InterfaceName } from "../../routing/interface_name.ts";

/** Why a device that is up has no carrier, as far as this namespace shows it. */
export interface CarrierLoss {
  /** `no carrier`, and what takes it away if that is to be seen here. */
  readonly found: string;
  /** Shell lines that bring it back. */
  readonly remedy: readonly string[];
}

/** Looks for what takes a device's carrier away. */
export function explainNoCarrier(
  links: ReadonlyMap<InterfaceName, Link>,
  link: Link,
): CarrierLoss {
  const { because, remedy } = causeOf(links, link);
  const reason = because === undefined
    ? ", and ip does not show why"
    : `, because ${because}`;
  return { found: `no carrier${reason}`, remedy };
}

function causeOf(
  links: ReadonlyMap<InterfaceName, Link>,
  link: Link,
): { readonly because: string | undefined; readonly remedy: readonly string[] } {
  const { name, peer, type } = link;
  const other = peer === undefined ? undefined : links.get(peer);
  const ports = [...links.values()].filter(({ master }) => master === name);
  const down = [...other === undefined ? [] : [other], ...ports]
    .filter(({ up }) => !up).map((link) => link.name);
  if (down.length > 0) {
    return {
      because: `${down.join(", ")} ${down.length === 1 ? "is" : "are"} down`,
      remedy: down.map((each) => `ip link set dev ${each} up`),
    };
  }
  switch (type.kind) {
    case "bridge":
      return {
        because: ports.length === 0 ? "it has no port" : undefined,
        remedy: [`ip link set dev PORT master ${name} up`],
      };
    case "vxlan":
      // It has carrier of its own, whatever the device below has.
      return {
        because: "protodown is on",
        remedy: [`ip link set dev ${name} protodown off`],
      };
    case "other":
      return type.name === "veth" && other === undefined
        ? {
          because: "its other end, in another network namespace, is down",
          remedy: ["ip -n NAMESPACE link set dev PEER up"],
        }
        // To take it down and up again would delete its static routes for good.
        : { because: undefined, remedy: [] };
    default:
      return type satisfies never;
  }
}
