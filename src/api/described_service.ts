import type { ProtoFile } from "./proto_registry.ts";
import type { ServedService } from "../shared/served_service.ts";

/** A service that reflection can show: with the file that defines it. */
export interface DescribedService extends ServedService {
  readonly file: ProtoFile;
}

/** A service's full name, e.g. `quilt.QuiltRuntime`: the first half of its paths. */
export function fullName({ definition }: ServedService): string {
  const [, name = ""] = Object.values(definition)[0]?.path.split("/") ?? [];
  return name;
}
