import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  status,
} from "@grpc/grpc-js";
import { quote } from "../../shared/quote.ts";
import type { DescribedService } from "../described_service.ts";
import {
  decodeHealthCheckRequest,
  HEALTH,
  HEALTH_FILE,
  type HealthCheckResponse,
  type HealthListResponse,
  type ServingStatus,
} from "./wire.ts";
import type { HealthStatus } from "../../shared/health_status.ts";
import { NewestWriter } from "../latest_value_stream.ts";
import type { OpenStreams } from "../stream_limiter.ts";

/** Why calls are not welcome: state is not adopted yet, `ip` fails, a signal came. */
export type Hindrance = "starting" | "kernel" | "stopping";

type Check = handleUnaryCall<unknown, HealthCheckResponse>;
type List = handleUnaryCall<unknown, HealthListResponse>;
type Watch = handleServerStreamingCall<unknown, HealthCheckResponse>;

/**
 * gRPC health checking v1, `grpc.health.v1.Health`. All services share one status: they
 * stand and fall with the node. It is NOT_SERVING as long as anything hinders, and
 * `starting` does from the beginning.
 */
export class Health {
  readonly #names = new Set([""]);
  readonly #streams: OpenStreams;
  readonly #hindrances = new Set<Hindrance>(["starting"]);
  readonly #watchers = new Set<NewestWriter<HealthCheckResponse>>();

  /** @param streams counts those of Watch, and ends them */
  constructor(streams: OpenStreams) {
    this.#streams = streams;
  }

  /**
   * What answers Check, List and Watch.
   *
   * @param services the full names of the services to know besides "", the whole server
   */
  createService(services: readonly string[]): DescribedService {
    for (const name of services) this.#names.add(name);
    return {
      file: HEALTH_FILE,
      definition: HEALTH,
      implementation: { Check: this.#check, List: this.#list, Watch: this.#watch },
    };
  }

  /** Of the server as a whole. */
  status(): HealthStatus {
    return this.#isServing() ? "SERVING" : "NOT_SERVING";
  }

  /**
   * NOT_SERVING until this hindrance, and any other, is cleared.
   *
   * @returns whether it was SERVING until now
   */
  hinder(by: Hindrance): boolean {
    const wasServing = this.#isServing();
    this.#hindrances.add(by);
    this.#tellWatchers();
    return wasServing;
  }

  /**
   * SERVING if nothing else hinders.
   *
   * @returns whether it is SERVING only from now on
   */
  clear(by: Hindrance): boolean {
    const wasServing = this.#isServing();
    this.#hindrances.delete(by);
    this.#tellWatchers();
    return !wasServing && this.#isServing();
  }

  readonly #check: Check = ({ request }, callback) => {
    const { service } = decodeHealthCheckRequest(request);
    const now = this.#statusOf(service);
    if (now !== "SERVICE_UNKNOWN") return callback(null, { status: now });
    const details = `No service ${quote(service)} on this server`;
    callback({ code: status.NOT_FOUND, details });
  };

  /** As many as there are services, so that the answer needs no limit of its own. */
  readonly #list: List = (_, callback) => {
    const now = { status: this.status() };
    const statuses = Object.fromEntries([...this.#names].map((name) => [name, now]));
    callback(null, { statuses });
  };

  readonly #watch: Watch = (stream) => {
    const { service } = decodeHealthCheckRequest(stream.request);
    let told: ServingStatus | undefined;
    const watcher = new NewestWriter(stream, () => {
      const now = this.#statusOf(service);
      if (now === told) return undefined;
      told = now;
      return { status: now };
    });
    if (!this.#streams.admit(stream, () => watcher.finish())) return;
    this.#watchers.add(watcher);
    stream.once("cancelled", () => this.#watchers.delete(watcher));
    watcher.wake();
  };

  #statusOf(service: string): ServingStatus {
    if (!this.#names.has(service)) return "SERVICE_UNKNOWN";
    return this.status();
  }

  #isServing(): boolean {
    return this.#hindrances.size === 0;
  }

  #tellWatchers(): void {
    for (const watcher of this.#watchers) watcher.wake();
  }
}
