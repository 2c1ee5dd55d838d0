/** The alerts and the panels of deploy/observability, as the tests need them. */
import { parse } from "yaml";
import {
  arrayAt,
  isJsonObject,
  type JsonObject,
  objectAt,
  parseJsonObject,
  stringAt,
} from "../../../deploy/json.ts";
import { repository } from "../../support/serve_task.ts";

/** Where all of it is. */
export const FOLDER = `${repository}/deploy/observability`;

/** An alert rule. */
export interface Alert {
  readonly name: string;
  readonly expression: string;
  readonly severity: string;
  /** How long the condition must hold, e.g. `5m`. */
  readonly holdsFor: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A query of a panel. */
export interface Query {
  /** The title of its panel. */
  readonly panel: string;
  readonly expression: string;
  /** The name of each line, with `{{label}}`. */
  readonly legend: string;
}

/** A YAML file of the folder. */
export function readYaml(name: string): JsonObject {
  const value: unknown = parse(Deno.readTextFileSync(`${FOLDER}/${name}`));
  if (!isJsonObject(value)) throw new TypeError(`${name} is no object`);
  return value;
}

/** The objects that stand under a name. */
export function objectsAt(object: JsonObject, name: string): readonly JsonObject[] {
  return arrayAt(object, name).filter(isJsonObject);
}

/** Every alert, in order. */
export function readAlerts(): readonly Alert[] {
  return objectsAt(readYaml("alerts.yaml"), "groups")
    .flatMap((group) => objectsAt(group, "rules"))
    .map((rule) => {
      const annotations = objectAt(rule, "annotations");
      return {
        name: stringAt(rule, "alert"),
        expression: stringAt(rule, "expr"),
        severity: stringAt(objectAt(rule, "labels"), "severity"),
        holdsFor: "for" in rule ? stringAt(rule, "for") : "0s",
        annotations: Object.fromEntries(
          Object.keys(annotations).map((name) => [name, stringAt(annotations, name)]),
        ),
      };
    });
}

/** The dashboard, as text. */
export function readDashboard(): string {
  return Deno.readTextFileSync(`${FOLDER}/dashboard.json`);
}

/** The panels of the dashboard, rows included. */
export function readPanels(): readonly JsonObject[] {
  return objectsAt(parseJsonObject(readDashboard()), "panels");
}

/** Every query of the dashboard. */
export function readQueries(): readonly Query[] {
  return readPanels().filter(({ type }) => type !== "row").flatMap((panel) =>
    objectsAt(panel, "targets").map((target) => ({
      panel: stringAt(panel, "title"),
      expression: stringAt(target, "expr"),
      legend: stringAt(target, "legendFormat"),
    }))
  );
}
