/** The version of deno.json where a name of an image or of a file of the release has it. */
import { PAGES } from "./pages.ts";

/**
 * Files that may name the version, by their paths from the root of the repository. The
 * changelog and the decisions are about the past, and name what was.
 */
export const STAMPED: readonly string[] = [
  "Containerfile",
  "deploy/image/bases.sh",
  "deploy/kubernetes/base/kustomization.yaml",
  "deploy/podman/quilt.yaml",
  ...PAGES.filter((path) =>
    path === "README.md" || /^docs\/[^/]*\.md$/.test(path) || path === "CONTRIBUTING.md"
  ),
];

/** `quilt-sidecar:0.1.0`, `quilt-sidecar-0.1.0.cdx.json`, a label, a tag of kustomize. */
const NAMED =
  /(?<=\bquilt-sidecar[:-]|\bimage\.version="|\/quilt-sidecar\n *newTag: )\d+\.\d+\.\d+\b/g;

/** The text of a stamped file, with this version in the place of any other. */
export function withVersion(text: string, version: string): string {
  return text.replaceAll(NAMED, version);
}
