/**
 * A dashboard as Grafana's own types have it, for the panels that ours uses. The types of
 * Grafana leave the options of a panel open, because plug-ins bring them; here they are
 * those of the plug-in, so that a misspelt option is an error. What a query has is not in
 * Grafana's package: `Query` says it.
 */
import type {
  Dashboard,
  DataQuery,
  DataSourceRef,
  FieldConfigSource,
  Panel,
  RowPanel,
} from "@grafana/schema";
import type * as stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as timeseries from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

/** A value as JSON has it: TypeScript takes no text for a member of an enum. */
type Json<Value> = unknown extends Value ? unknown
  : Value extends string ? `${Value}`
  : Value extends readonly (infer Item)[] ? readonly Json<Item>[]
  : Value extends object ? { readonly [Key in keyof Value]: Json<Value[Key]> }
  : Value;

/** A query of Prometheus. */
interface Query extends Omit<DataQuery, "datasource"> {
  readonly datasource: DataSourceRef;
  readonly expr: string;
  readonly legendFormat: string;
  /** The newest value, and no line. */
  readonly instant?: boolean;
  readonly range?: boolean;
}

interface Fields<Custom> extends Omit<FieldConfigSource, "defaults"> {
  readonly defaults: Omit<FieldConfigSource["defaults"], "custom"> & {
    readonly custom?: Custom;
  };
}

interface PanelOf<Type extends string, Options, Custom>
  extends Omit<Panel, "type" | "options" | "fieldConfig" | "targets"> {
  readonly type: Type;
  readonly options: Options;
  readonly fieldConfig: Fields<Custom>;
  readonly targets: readonly Query[];
}

/** Its panels stand behind it, not in it, so that they are checked as well. */
interface Row extends Omit<RowPanel, "panels"> {
  readonly panels: readonly [];
}

type AnyPanel =
  | Row
  | PanelOf<"stat", stat.Options, never>
  | PanelOf<"timeseries", timeseries.Options, timeseries.FieldConfig>;

/** What `deploy/observability/dashboard.json` has to be. */
export type CheckedDashboard = Json<
  Omit<Dashboard, "panels"> & { readonly panels: readonly AnyPanel[] }
>;
