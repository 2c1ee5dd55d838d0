/** A host whose sidecar runs as the task `serve:tls`, with certificates of the test's. */
import {
  type CertificateAuthority,
  type CertificateFiles,
  makeAuthority,
} from "../support/certificates.ts";
import { connectClient, type QuiltClient } from "../support/client.ts";
import { addVxlan, type Namespace } from "../support/namespace.ts";
import { serveCommand } from "../support/serve_task.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";
import { makeQuietNamespace } from "./host.ts";

/** The one directory that the tasks for TLS may read. */
export const TLS_DIRECTORY = "/etc/quilt/tls";

/** What a test of TLS begins with. */
export interface TlsHost extends AsyncDisposable {
  readonly namespace: Namespace;
  readonly sidecar: Sidecar;
  /** Stands in the place of /etc/quilt/tls. */
  readonly directory: string;
  /** The CA that both sides believe. */
  readonly authority: CertificateAuthority;
  /** A client with a certificate, or with none. */
  connect(certificate?: CertificateFiles): Promise<QuiltClient>;
}

/** How {@linkcode openTlsHost} starts the sidecar. */
export interface TlsHostOptions {
  /** Variables for Deno itself. @default {{}} */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with the directory before the sidecar starts. */
  readonly prepare?: (directory: string) => Promise<void>;
}

/** The task's command line with another directory in the place of its own. */
export function tlsCommand(directory: string): readonly string[] {
  return serveCommand(["--log-level", "debug"], undefined, "serve:tls")
    .map((word) => word.replaceAll(TLS_DIRECTORY, directory));
}

/** Makes a CA and a certificate of the server, and starts it. */
export async function openTlsHost(
  { env = {}, prepare = () => Promise.resolve() }: TlsHostOptions = {},
): Promise<TlsHost> {
  await using stack = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(directory, { recursive: true }));
  const authority = await makeAuthority(directory, "ca");
  await authority.issue("tls");
  await prepare(directory);
  const namespace = stack.use(await makeQuietNamespace());
  await addVxlan(namespace);
  const command = tlsCommand(directory);
  const sidecar = stack.use(await startSidecar(namespace, { command, env }));
  const kept = stack.move();
  return {
    namespace,
    sidecar,
    directory,
    authority,
    connect: (certificate) => {
      const own = certificate === undefined ? [] : [certificate.cert, certificate.key];
      return connectClient(namespace, undefined, [authority.cert, ...own]);
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
