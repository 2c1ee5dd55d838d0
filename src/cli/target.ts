/** How a client command reaches a sidecar: by port or Unix socket, with or without TLS. */
import { err, ok, type Result } from "../shared/result.ts";
import {
  type BoundAddress,
  DEFAULT_LISTEN_ADDRESS,
  formatListenAddress,
  parseListenAddress,
} from "../transport/listen_address.ts";
import { describeGrant, isGranted } from "../transport/listen_error.ts";
import { readPemFile } from "../transport/tls/pem_file.ts";
import type { CommandLine } from "./command_definition.ts";
import { TARGET_OPTIONS } from "./options.ts";

/** What a client believes and shows, each in PEM. */
export interface ClientTls {
  /** The CAs of the sidecar's certificate; undefined: those of the system. */
  readonly ca: string | undefined;
  /** The client's own certificate, and its key; undefined: it shows none. */
  readonly own: { readonly cert: string; readonly key: string } | undefined;
}

/** A sidecar that is to be called. */
export interface Target {
  readonly address: BoundAddress;
  /** Such as `127.0.0.1:50051`, for sentences and for gRPC. */
  readonly authority: string;
  /** Undefined: without TLS. */
  readonly tls: ClientTls | undefined;
  /** The options that name it, as they were given, for commands that are printed. */
  readonly options: readonly string[];
}

/**
 * Reads `--grpc-addr` and `--tls-…`, and the files that they name.
 *
 * @param command its name, for the task that grants what it needs
 * @returns the target, or one sentence with the fault and the remedy
 */
export async function readTarget(
  command: string,
  options: CommandLine["options"],
): Promise<Result<Target, string>> {
  const parsed = parseListenAddress(options.get("grpc-addr"));
  if (!parsed.ok) return parsed;
  const address = parsed.value;
  if (address.kind === "fd") {
    return err("--grpc-addr fd:N is only for serve; give the address of that socket");
  }
  const authority = formatListenAddress(address);
  if (!isGranted(address)) {
    const reason = describeGrant(address, isGranted(DEFAULT_LISTEN_ADDRESS), command);
    return err(`Cannot connect to ${authority}: ${reason}`);
  }
  const tls = await readTls(options, address);
  if (!tls.ok) return tls;
  const given = TARGET_OPTIONS.flatMap((name) => {
    const value = options.get(name);
    return value === undefined ? [] : [`--${name}`, value];
  });
  return ok({ address, authority, tls: tls.value, options: given });
}

async function readTls(
  options: CommandLine["options"],
  { kind }: BoundAddress,
): Promise<Result<ClientTls | undefined, string>> {
  const [ca, cert, key] = [
    options.get("tls-ca"),
    options.get("tls-cert"),
    options.get("tls-key"),
  ];
  if (ca === undefined && cert === undefined && key === undefined) {
    return ok(undefined);
  }
  if (kind === "unix") {
    return err(
      "TLS needs a TCP address; leave out the --tls options for a Unix socket",
    );
  }
  if ((cert === undefined) !== (key === undefined)) {
    return err("--tls-cert and --tls-key belong together; give both or neither");
  }
  const caText = await readPem("tls-ca", ca);
  if (!caText.ok) return caText;
  const certText = await readPem("tls-cert", cert);
  if (!certText.ok) return certText;
  const keyText = await readPem("tls-key", key);
  if (!keyText.ok) return keyText;
  const own = certText.value === undefined || keyText.value === undefined
    ? undefined
    : { cert: certText.value, key: keyText.value };
  return ok({ ca: caText.value, own });
}

/** How what an option names begins, and what that is. */
const PEM = {
  "tls-ca": [/^-----BEGIN CERTIFICATE-----/m, "certificate in PEM"],
  "tls-cert": [/^-----BEGIN CERTIFICATE-----/m, "certificate in PEM"],
  "tls-key": [
    /^-----BEGIN (?:RSA |EC )?PRIVATE KEY-----/m,
    "private key in PEM without a passphrase",
  ],
} as const;

/** Reads a file; of its content only the kind is checked, because a probe must be fast. */
async function readPem(
  option: keyof typeof PEM,
  path: string | undefined,
): Promise<Result<string | undefined, string>> {
  if (path === undefined) return ok(undefined);
  const text = await readPemFile(path);
  if (!text.ok) return text;
  const [beginning, kind] = PEM[option];
  return beginning.test(text.value)
    ? text
    : err(`${path} is not a ${kind}; check --${option}`);
}
