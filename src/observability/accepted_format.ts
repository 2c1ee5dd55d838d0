import type { MetricsFormat } from "./openmetrics.ts";

/** A media range of an Accept header. */
interface MediaRange {
  /** In lower case, e.g. `text/*`. */
  readonly type: string;
  /** Of the format; undefined: any. */
  readonly version: string | undefined;
  /** 0 to 1; 0: not acceptable. */
  readonly quality: number;
}

/** The formats that can be sent; of two that are as welcome the first one is. */
const OFFERS: readonly (Pick<MediaRange, "type" | "version"> & {
  readonly format: MetricsFormat;
})[] = [
  { format: "prometheus", type: "text/plain", version: "0.0.4" },
  { format: "openmetrics", type: "application/openmetrics-text", version: "1.0.0" },
];

/**
 * The format that an Accept header prefers: RFC 9110, 12.5.1. If it accepts none, or there
 * is no header, that is Prometheus' own, which everybody can read.
 *
 * Of the parameters only `version` counts. Prometheus 3 adds `escaping`, which says what it
 * could read of names that ours do not have.
 */
export function acceptedFormat(accept: string | undefined): MetricsFormat {
  const ranges = (accept ?? "*/*").split(",").flatMap(parseRange);
  let best: MetricsFormat = "prometheus";
  let bestQuality = 0;
  for (const { format, type, version } of OFFERS) {
    const quality = qualityOf(type, version, ranges);
    if (quality > bestQuality) {
      best = format;
      bestQuality = quality;
    }
  }
  return best;
}

/** The quality of the range that fits most closely; 0 if none does. */
function qualityOf(
  type: string,
  version: string | undefined,
  ranges: readonly MediaRange[],
): number {
  const [main] = type.split("/");
  const levels: readonly ((range: MediaRange) => boolean)[] = [
    (range) => range.type === type && range.version === version,
    (range) => range.type === type && range.version === undefined,
    (range) => range.type === `${main}/*` && range.version === undefined,
    (range) => range.type === "*/*" && range.version === undefined,
  ];
  for (const fits of levels) {
    const qualities = ranges.filter(fits).map(({ quality }) => quality);
    if (qualities.length > 0) return Math.max(...qualities);
  }
  return 0;
}

const QUALITY = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** Empty if it is malformed. */
function parseRange(text: string): readonly MediaRange[] {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim());
  const values = new Map(parameters.map((parameter) => {
    const [name = "", value = ""] = parameter.split("=", 2);
    return [name.toLowerCase(), value.replaceAll('"', "")] as const;
  }));
  const quality = values.get("q") ?? "1";
  if (type === "" || !QUALITY.test(quality)) return [];
  return [{
    type: type.toLowerCase(),
    version: values.get("version"),
    quality: Number(quality),
  }];
}
