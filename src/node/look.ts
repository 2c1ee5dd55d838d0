import { covering, type Ipv4Cidr } from "../ipam/cidr.ts";
import type { Errand } from "../kernel/door.ts";
import type { Failure } from "../kernel/failures.ts";
import { decodeLinks, decodeRoutes } from "../kernel/replies.ts";
import type { Result } from "../kernel/session.ts";
import { sightOfBest } from "../routes/decide.ts";
import type { LinkState, Sight } from "../routes/found_route.ts";
import type { InterfaceName } from "../routes/interface_name.ts";
import type { Snapshot } from "./snapshot.ts";

/** One question about a destination; `closer` walks the table instead of one look-up. */
export interface Question {
  readonly destination: Ipv4Cidr;
  readonly device: InterfaceName | undefined;
  readonly closer: boolean;
}

/** What is there. */
export interface Seen {
  readonly kind: "seen";
  /** The device that was asked for; `missing` when none was. */
  readonly link: LinkState;
  readonly sight: Sight;
}

/** What is there, or why nobody knows. `closer`: one look-up could not tell. */
export type View =
  | Seen
  | { readonly kind: "closer" }
  | { readonly kind: "failed"; readonly failure: Failure };

/** The errands of a look, and what their results show. */
export interface Look {
  readonly errands: readonly Errand[];
  /** Views in the order of the questions. */
  read(results: readonly Result[], links: LinkStates): readonly View[];
}

/** What is known of devices. */
export type LinkStates = ReadonlyMap<InterfaceName, LinkState>;

/** The errands that ask about devices, and what their results show. */
export interface LinkLook {
  readonly errands: readonly Errand[];
  read(results: readonly Result[]): LinkStates;
}

const MISSING: LinkState = { kind: "missing" };

/** From so many destinations on, one walk over the table is cheaper than one for each. */
const MANY = 8;

/** Plans to ask about destinations. */
export function planLook(questions: readonly Question[]): Look {
  const closer = questions.filter((question) => question.closer);
  const walks = closer.length >= MANY;
  const walk: readonly Errand[] = walks
    ? [{
      command: {
        kind: "routes-within",
        cluster: covering(closer.map(({ destination }) => destination)),
      },
    }]
    : [];
  const alone = questions.filter((question) => !(walks && question.closer));
  const looks = alone.map(({ closer, destination }): Errand => ({
    command: { kind: closer ? "exact-routes" : "best-route", destination },
  }));
  return {
    errands: [...walk, ...looks],
    read: (results, links) => {
      const rest = results.values();
      const walked = walks ? readWalk(rest.next().value) : undefined;
      return questions.map((question) => {
        const { closer, destination, device } = question;
        const link = device === undefined ? MISSING : links.get(device) ?? MISSING;
        return closer && walked !== undefined
          ? walked(destination, link)
          : view(question, link, rest.next().value);
      });
    },
  };
}

/**
 * Plans to ask about devices, each once, whatever was seen last: a device may have given
 * its name to another one a moment ago, and what `ip` writes and prints is by the names
 * that it has met. The kernel's own answer shows it, see `isStale` in session.ts.
 */
export function planLinks(
  devices: Iterable<InterfaceName>,
  snapshot: Snapshot,
): LinkLook {
  const asked = [...new Set(devices)];
  return {
    errands: asked.map((device) => ({ command: { kind: "link", device } })),
    read: (results) =>
      new Map(asked.map((device, index) => {
        const state = linkState(device, results[index]);
        snapshot.learn(device, state);
        return [device, state];
      })),
  };
}

/** Sorts what a walk found by destination. */
function readWalk(
  result: Result | undefined,
): (destination: Ipv4Cidr, link: LinkState) => View {
  if (result?.ok !== true) return () => failedView(result);
  const byDestination = Map.groupBy(
    decodeRoutes(result.document ?? "[]").map(({ route }) => route),
    (route) => route.destination,
  );
  return (destination, link) => {
    const routes = byDestination.get(destination) ?? [];
    return { kind: "seen", link, sight: { kind: "all", routes } };
  };
}

/** Reads the answer to one `best-route` or `exact-routes`. */
export function readSight(
  destination: Ipv4Cidr,
  closer: boolean,
  result: Result | undefined,
): Sight | undefined {
  if (result === undefined) return undefined;
  if (!result.ok) {
    return !closer && result.failure.kind === "unreachable"
      ? { kind: "best", route: undefined }
      : undefined;
  }
  const routes = decodeRoutes(result.document ?? "[]").map(({ route }) => route);
  return closer ? { kind: "all", routes } : sightOfBest(destination, routes[0]);
}

/** The reply of a door that did not answer, as the reason that callers are told. */
export function lostBecause(
  reply: { readonly kind: "full" | "closed" } | {
    readonly kind: "lost";
    readonly why: string;
  },
): { readonly kind: "lost"; readonly why: string } {
  switch (reply.kind) {
    case "lost":
      return { kind: "lost", why: reply.why };
    case "full":
      return { kind: "lost", why: "too many exchanges are waiting" };
    case "closed":
      return { kind: "lost", why: "the sidecar is shutting down" };
  }
}

function view(question: Question, link: LinkState, result: Result | undefined): View {
  const sight = readSight(question.destination, question.closer, result);
  if (sight !== undefined) return { kind: "seen", link, sight };
  if (!question.closer) return { kind: "closer" };
  return failedView(result);
}

function failedView(result: Result | undefined): View {
  const failure = result !== undefined && !result.ok
    ? result.failure
    : { kind: "other", words: "no answer" } as const;
  return { kind: "failed", failure };
}

/** The kernel takes an altname as well, but routes are shown by the device's one name. */
function linkState(device: InterfaceName, result: Result | undefined): LinkState {
  if (result === undefined || !result.ok) return MISSING;
  const links = decodeLinks(result.document ?? "[]");
  return links.find(({ name }) => name === device)?.state ?? MISSING;
}
