import { describeGivenWay, describePending } from "../routes/sentences.ts";
import type { InterfaceName } from "../routes/interface_name.ts";
import type { Standing } from "./ledger.ts";
import type { Renewal } from "./renew.ts";
import { standingOf } from "./standing.ts";

interface News {
  readonly level: "info" | "warn";
  readonly what: string;
}

/** One sentence for each kind of thing that happened, however many routes it concerns. */
export function describeRenewals(
  renewals: readonly Renewal[],
): readonly { readonly level: "info" | "warn"; readonly message: string }[] {
  const groups = new Map<string, { level: "info" | "warn"; routes: string[] }>();
  for (const renewal of renewals) {
    const news = newsOf(renewal);
    if (news === undefined) continue;
    const group = groups.get(news.what) ?? { level: news.level, routes: [] };
    group.routes.push(renewal.destination);
    groups.set(news.what, group);
  }
  return [...groups].map(([what, { level, routes }]) => ({
    level,
    message: `${what}: ${list(routes)}`,
  }));
}

/** True if it is worth a line because of what became of the device. */
export function isLinkNews(renewal: Renewal): boolean {
  const { before, reached } = renewal;
  const came = reached.kind === "added" && before.standing.kind === "waiting";
  return came || (reached.kind === "pending" && newsOf(renewal) !== undefined);
}

function newsOf(
  { before, reached }: Renewal,
): News | undefined {
  const { device } = before.route;
  switch (reached.kind) {
    case "unchanged":
      return before.standing.kind === "installed" && !before.remembered
        ? { level: "warn", what: "Remembered again, gone from table 142" }
        : undefined;
    case "added":
      return addedNews(before.standing.kind, device);
    case "pending": {
      const same = before.standing.kind === "waiting" &&
        before.standing.reason === reached.reason;
      const what = `${describePending(reached.reason, device)}, waiting for it`;
      return same ? undefined : { level: "warn", what };
    }
    case "connected":
    case "failed":
    case "lost": {
      if (reached.kind === "connected" && reached.wrote) {
        return { level: "warn", what: describeGivenWay(reached.device) };
      }
      const standing = standingOf(before.route, reached);
      if (standing.kind !== "troubled") return undefined;
      const same = before.standing.kind === "troubled" &&
        before.standing.sentence === standing.sentence;
      return same ? undefined : { level: "warn", what: standing.sentence };
    }
  }
}

function addedNews(before: Standing["kind"], device: InterfaceName): News {
  switch (before) {
    case "installed":
      return { level: "warn", what: "Repaired, gone or changed by someone else" };
    case "adopted":
      return { level: "info", what: "Restored, gone while nobody watched" };
    case "waiting":
    case "troubled":
      return { level: "info", what: `Installed through ${device}, as was asked for` };
  }
}

const LISTED = 3;

/** `10.42.2.0/24, 10.42.3.0/24, 10.42.4.0/24 and 251 more`. */
export function list(routes: readonly string[]): string {
  const named = routes.slice(0, LISTED).join(", ");
  return routes.length <= LISTED
    ? named
    : `${named} and ${routes.length - LISTED} more`;
}
