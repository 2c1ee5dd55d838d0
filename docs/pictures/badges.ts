/**
 * The badges of README.md. `deno task generate` draws them from what they state, so that
 * none of them states what was true once.
 */
import config from "../../deno.json" with { type: "json" };
import { TESTED_DENO_VERSION } from "../../src/shared/versions.ts";

/** A badge: a label, and what it states. */
export interface Badge {
  /** Of its file, without `.svg`. */
  readonly name: string;
  readonly label: string;
  readonly value: string;
}

/** Every badge, in the order in which README.md shows them. */
export const BADGES: readonly Badge[] = [
  { name: "badge-version", label: "version", value: config.version },
  { name: "badge-deno", label: "Deno", value: TESTED_DENO_VERSION },
  { name: "badge-grants", label: "sandbox grants", value: `${countGrants()}` },
  { name: "badge-licence", label: "licence", value: config.license },
];

/** How many grants `deno task serve` gives. */
function countGrants(): number {
  return config.tasks.serve.command.split(" ")
    .filter((word) => word.startsWith("--allow-")).length;
}

/** Pixels of a character: the widest of the fonts that a reader may have. */
const CHARACTER = 7.2;
/** Pixels on each side of a text. */
const MARGIN = 7;

function widthOf(text: string): number {
  return Math.ceil(text.length * CHARACTER) + 2 * MARGIN;
}

/** Draws a badge as SVG; its colours are legible on a light and on a dark page. */
export function drawBadge({ label, value }: Badge): string {
  const [left, right] = [widthOf(label), widthOf(value)];
  const width = left + right;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} 20"
  width="${width}" height="20" role="img" aria-label="${label}: ${value}">
  <title>${label}: ${value}</title>
  <style>
  text {
    font: 11px ui-sans-serif, system-ui, "DejaVu Sans", sans-serif;
    fill: #ffffff;
    text-anchor: middle;
  }
  </style>
  <rect width="${width}" height="20" rx="3" fill="#0550ae" />
  <path fill="#57606a" d="M3 0H${left}V20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" />
  <text x="${left / 2}" y="14">${label}</text>
  <text x="${left + right / 2}" y="14">${value}</text>
</svg>
`;
}
