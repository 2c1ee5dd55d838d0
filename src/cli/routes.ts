/** The command `routes`: every desired route, one line each. */
import type { Route } from "../api/gen/quilt/sidecar/v1/Route.ts";
import { ok } from "../shared/result.ts";
import { escapeInvisible } from "../shared/quote.ts";
import { runClient } from "./client_command.ts";
import type { CommandEnd, CommandLine } from "./command_definition.ts";
import { EXIT_USAGE } from "./exit.ts";
import { FILTER_OPTIONS } from "./options.ts";
import { showText } from "./output.ts";
import { readRouteFilter } from "./route_filter.ts";
import {
  NO_ROUTE_MATCHES,
  type RouteJson,
  routeJson,
  routeTable,
} from "./route_table.ts";
import { standardTerminal, type Terminal } from "./terminal.ts";

/** Milliseconds: 65,536 routes take a second or two. */
const DEADLINE_MS = 10_000;

/** Runs the command `routes`. */
export async function routes({ operands, options }: CommandLine): Promise<CommandEnd> {
  const filter = readRouteFilter(options);
  if (!filter.ok) return { exitCode: EXIT_USAGE, sentence: filter.fault };
  const isFiltered = FILTER_OPTIONS.some((name) => options.has(name));
  return await runClient({
    name: "routes",
    deadlineMs: DEADLINE_MS,
    ask: async ({ reader }) => {
      const listed = await reader.listRoutes();
      return listed.ok ? ok(listed.value.routes.filter(filter.value)) : listed;
    },
    show: (routes) =>
      showText(
        options.has("json")
          ? routesJson(routes)
          : formatRoutes(routes, isFiltered, standardTerminal()),
      ),
  }, { operands, options });
}

/** The version of the JSON: a field may be added, and none changes its meaning. */
const JSON_VERSION = 1;

/** What `routes --json` prints, one document on one line. */
export interface RoutesJson {
  /** Of this shape: a field may be added to it, and none changes its meaning. */
  readonly version: typeof JSON_VERSION;
  /** Those that the filters list, in ascending order of destination. */
  readonly routes: readonly RouteJson[];
}

/** Formats routes as one JSON document, a {@linkcode RoutesJson}. */
export function routesJson(routes: readonly Route[]): string {
  const document: RoutesJson = {
    version: JSON_VERSION,
    routes: routes.map(routeJson),
  };
  return escapeInvisible(JSON.stringify(document));
}

/**
 * Formats routes for people.
 *
 * @param isFiltered whether they are only those that a filter has left
 */
export function formatRoutes(
  routes: readonly Route[],
  isFiltered: boolean,
  terminal: Terminal,
): string {
  if (routes.length === 0) {
    return isFiltered ? NO_ROUTE_MATCHES : "No route is requested";
  }
  const { head, rows } = routeTable(routes, terminal);
  return [head, ...rows.flat()].join("\n");
}
