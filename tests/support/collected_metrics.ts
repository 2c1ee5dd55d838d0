/** Instruments in memory, and what they have counted. */
import type { Attributes } from "@opentelemetry/api";
import {
  createInstruments,
  type Instruments,
} from "../../src/observability/instruments.ts";
import { createMeters, type Meters } from "../../src/observability/meters.ts";

/** A series as it was collected. */
export interface Series {
  /** The instrument's name. */
  readonly name: string;
  readonly attributes: Attributes;
  /** Of a histogram how many durations it has. */
  readonly value: number;
  /** Of a histogram the sum of them, in seconds; otherwise 0. */
  readonly sum: number;
}

/** Instruments, and what they have counted. */
export interface CollectedMetrics {
  readonly meters: Meters;
  readonly instruments: Instruments;
  series(): Promise<readonly Series[]>;
  /**
   * Each value that is not 0, e.g. `quilt.repairs event changed`: the name, and the
   * attributes' values in the order of their names.
   *
   * @param prefix what the instrument's name begins with
   */
  counted(prefix: string): Promise<Readonly<Record<string, number>>>;
}

/** Creates all instruments on a meter of their own. */
export function collectMetrics(): CollectedMetrics {
  const meters = createMeters("0.0.0");
  const instruments = createInstruments(meters.all);
  const series = () => collect(meters);
  return {
    meters,
    instruments,
    series,
    counted: async (prefix) => {
      const nonzero = (await series())
        .filter(({ name, value }) => name.startsWith(prefix) && value !== 0);
      return Object.fromEntries(
        nonzero.map((one) => [nameOf(one), one.value]).toSorted(),
      );
    },
  };
}

/** The name and the attributes' values, which tell a series from all others. */
export function nameOf({ attributes, name }: Series): string {
  const values = Object.entries(attributes).toSorted().map(([, value]) => value);
  return [name, ...values].join(" ");
}

async function collect(meters: Meters): Promise<readonly Series[]> {
  const { errors, resourceMetrics } = await meters.collect();
  if (errors.length > 0) throw new AggregateError(errors, "Cannot collect");
  return resourceMetrics.scopeMetrics.flatMap(({ metrics }) =>
    metrics.flatMap(({ dataPoints, descriptor: { name } }) =>
      dataPoints.map(({ attributes, value }): Series => {
        if (typeof value === "number") return { name, attributes, value, sum: 0 };
        const { count, sum = 0 } = value;
        return { name, attributes, value: count, sum };
      })
    )
  );
}
