/**
 * The real nginx with the configuration of the component prometheus, beside a sidecar.
 *
 * @needs curl go nginx
 */
import assert from "node:assert/strict";
import { openHost } from "../../e2e/host.ts";
import type { Namespace } from "../../support/namespace.ts";
import { repository } from "../../support/serve_task.ts";
import { killIfAlive } from "../../support/sidecar.ts";
import { fullTest } from "../../support/suite.ts";
import { goTool, machineProgram } from "../../support/tools.ts";
import { until } from "../../support/wait.ts";

const TEMPLATE =
  `${repository}/deploy/kubernetes/components/prometheus/nginx.conf.template`;

/** The node's own address in the namespace of a test; loopback is another. */
const NODE = "192.0.2.1";
const PROXY = `${NODE}:9142`;

/** Starts nginx as the image does: after it has filled in the template. */
async function startProxy(namespace: Namespace): Promise<AsyncDisposable> {
  const folder = await Deno.makeTempDir();
  const template = await Deno.readTextFile(TEMPLATE);
  const configuration = `${folder}/nginx.conf`;
  await Deno.writeTextFile(
    configuration,
    template.replaceAll("${HOST_IP}", NODE).replaceAll("/tmp/", `${folder}/`),
  );
  // In the namespace of an ordinary user there is no other user to change to.
  const words = ["-e", "stderr", "-c", configuration, "-g", "daemon off; user root;"];
  const child = namespace.command([await machineProgram("nginx"), ...words], {
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    [Symbol.asyncDispose]: async () => {
      killIfAlive(child, "SIGTERM");
      await child.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** What curl was answered. */
interface Answer {
  /** 000 if nothing was. */
  readonly status: string;
  readonly body: string;
}

async function ask(
  namespace: Namespace,
  target: string,
  ...options: readonly string[]
): Promise<Answer> {
  const curl = await machineProgram("curl");
  const { stdout } = await namespace.run([
    ...[curl, "--silent", "--path-as-is", "--max-time", "10"],
    ...["--write-out", "\n%{http_code}", ...options, `http://${target}`],
  ]);
  const end = stdout.lastIndexOf("\n");
  return { status: stdout.slice(end + 1), body: stdout.slice(0, end) };
}

fullTest(
  "the proxy passes GET /metrics from the node's address, in the format that is asked for, and nothing else",
  async () => {
    await using host = await openHost();
    const { namespace, sidecar } = host;
    await using _ = await startProxy(namespace);
    await until(
      async () => (await ask(namespace, `${PROXY}/metrics`)).status === "200",
      { what: "nginx to serve" },
    );
    const page = await ask(namespace, `${PROXY}/metrics`);
    assert.match(page.body, /^quilt_routes\{quilt_state="installed"\} 0$/m);
    assert.match(page.body, /^quilt_build_info/m);
    const open = ["-H", "Accept: application/openmetrics-text;version=1.0.0"];
    const other = await ask(namespace, `${PROXY}/metrics`, ...open);
    assert.match(other.body, /\n# EOF\n$/);
    // A question beside the path is left out, and so are headers and a body.
    const more = ["-H", "X-Long: more", "--request", "GET", "--data", "body"];
    assert.equal(
      (await ask(namespace, `${PROXY}/metrics?more=1`, ...more)).status,
      "200",
    );

    for (
      const path of [
        ...["/", "/healthz", "/readyz", "/metrics/", "/metrics/..%2fhealthz"],
        ...["/quilt.QuiltRuntime/InjectRoute", "/grpc.health.v1.Health/Check"],
      ]
    ) assert.equal((await ask(namespace, PROXY + path)).status, "404", path);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"]) {
      const options = ["--request", method, "--data", ""];
      const { status } = await ask(namespace, `${PROXY}/metrics`, ...options);
      assert.equal(status, "405", method);
    }
    assert.equal((await ask(namespace, `${PROXY}/metrics`, "--head")).status, "405");

    // gRPC needs HTTP/2, which nginx does not speak here.
    const http2 = ["--http2-prior-knowledge"];
    assert.equal((await ask(namespace, `${PROXY}/metrics`, ...http2)).status, "000");
    assert.equal(
      (await ask(namespace, "127.0.0.1:50051/metrics", ...http2)).status,
      "200",
    );
    const grpcurl = await goTool("grpcurl");
    const call = (address: string) =>
      namespace.run([grpcurl, "-plaintext", "-max-time", "5", address, "list"]);
    assert.equal((await call("127.0.0.1:50051")).code, 0);
    assert.notEqual((await call(PROXY)).code, 0);
    // No other address of the node has it.
    assert.equal((await ask(namespace, "127.0.0.1:9142/metrics")).status, "000");

    // A sidecar that is gone is an error, so Prometheus calls it down.
    await sidecar.stop();
    assert.equal((await ask(namespace, `${PROXY}/metrics`)).status, "502");
  },
);
