import { status } from "@grpc/grpc-js";
import { quote } from "../../shared/quote.ts";
import type { HealthStatus } from "../../shared/health_status.ts";
import type { ServedService } from "../../shared/served_service.ts";
import type { CurrentFindings } from "../data_path/current_findings.ts";
import type { HealthHandlers } from "../gen/grpc/health/v1/Health.ts";
import type { HealthCheckResponse } from "../gen/grpc/health/v1/HealthCheckResponse.ts";
import { LatestValueStream } from "../latest_value_stream.ts";
import { HEALTH } from "../proto_registry.ts";
import type { StreamLimiter } from "../stream_limiter.ts";

/**
 * Why calls cannot be served: state is not restored yet, the kernel does not answer, or
 * the sidecar is stopping.
 */
export type NotServingReason = "starting" | "kernel" | "stopping";

/** The name in the health service for the data path; there is no such service. */
export const DATA_PATH_NAME = "quilt.DataPath";

/**
 * gRPC health checking v1, `grpc.health.v1.Health`. All services share one status, because
 * all of them depend on the node. It is NOT_SERVING while there is any reason; `starting`
 * is one from the beginning. `quilt.DataPath` has a status of its own: the sidecar serves
 * although traffic is stopped, and traffic flows on when the sidecar stops.
 */
export class Health {
  readonly #serviceNames = new Set(["", DATA_PATH_NAME]);
  #dataPath: HealthStatus = "NOT_SERVING";
  readonly #streams: StreamLimiter;
  readonly #reasons = new Set<NotServingReason>(["starting"]);
  readonly #watchers = new Set<LatestValueStream<HealthCheckResponse>>();

  /** @param streams admits and ends the streams of Watch */
  constructor(streams: StreamLimiter) {
    this.#streams = streams;
  }

  /**
   * The service with Check, List and Watch.
   *
   * @param serviceNames the full names that have a status, besides "" (the server as a
   * whole) and `quilt.DataPath`
   */
  createService(serviceNames: readonly string[]): ServedService {
    for (const name of serviceNames) this.#serviceNames.add(name);
    const implementation: HealthHandlers = {
      Check: this.#check,
      List: this.#list,
      Watch: this.#watch,
    };
    return { definition: HEALTH, implementation };
  }

  /** The status of the server as a whole. */
  status(): HealthStatus {
    return this.#isServing() ? "SERVING" : "NOT_SERVING";
  }

  /** Makes `quilt.DataPath` follow the findings; it is NOT_SERVING until then. */
  followDataPath(findings: Pick<CurrentFindings, "status" | "watch">): void {
    const follow = (): void => {
      this.#dataPath = findings.status();
      this.#wakeWatchers();
    };
    follow();
    findings.watch(follow);
  }

  /**
   * Sets NOT_SERVING until this reason, and each other one, is cleared.
   *
   * @returns true if the status was SERVING before
   */
  setNotServing(reason: NotServingReason): boolean {
    const wasServing = this.#isServing();
    this.#reasons.add(reason);
    this.#wakeWatchers();
    return wasServing;
  }

  /**
   * Sets SERVING if there is no other reason.
   *
   * @returns true if the status changed to SERVING
   */
  clearNotServing(reason: NotServingReason): boolean {
    const wasServing = this.#isServing();
    this.#reasons.delete(reason);
    this.#wakeWatchers();
    return !wasServing && this.#isServing();
  }

  readonly #check: HealthHandlers["Check"] = ({ request: { service } }, callback) => {
    const response = this.#responseFor(service);
    if (response.status !== "SERVICE_UNKNOWN") return callback(null, response);
    const details = `No service ${quote(service)} on this server`;
    callback({ code: status.NOT_FOUND, details });
  };

  /** The number of services bounds the response, so it needs no limit of its own. */
  readonly #list: HealthHandlers["List"] = (_, callback) => {
    const names = [...this.#serviceNames];
    const statuses = names.map((name) => [name, this.#responseFor(name)]);
    callback(null, { statuses: Object.fromEntries(statuses) });
  };

  readonly #watch: HealthHandlers["Watch"] = (stream) => {
    const { service } = stream.request;
    let lastSent: HealthCheckResponse["status"] | undefined;
    const watcher = new LatestValueStream<HealthCheckResponse>(stream, () => {
      const response = this.#responseFor(service);
      if (response.status === lastSent) return undefined;
      lastSent = response.status;
      return response;
    });
    if (!this.#streams.admit(stream, () => watcher.finish())) return;
    this.#watchers.add(watcher);
    stream.once("cancelled", () => this.#watchers.delete(watcher));
    watcher.wake();
  };

  #responseFor(service: string): HealthCheckResponse {
    if (service === DATA_PATH_NAME) return { status: this.#dataPath };
    const isKnown = this.#serviceNames.has(service);
    return { status: isKnown ? this.status() : "SERVICE_UNKNOWN" };
  }

  #isServing(): boolean {
    return this.#reasons.size === 0;
  }

  #wakeWatchers(): void {
    for (const watcher of this.#watchers) watcher.wake();
  }
}
