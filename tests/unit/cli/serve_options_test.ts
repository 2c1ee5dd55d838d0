import assert from "node:assert/strict";
import { parseCommandLine } from "../../../src/cli/command_line.ts";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { readServeOptions, type ServeOptions } from "../../../src/cli/serve_options.ts";
import { err, type Result } from "../../../src/shared/result.ts";

function read(args: readonly string[]): Result<ServeOptions, string> {
  const request = parseCommandLine(COMMANDS, ["serve", ...args]);
  if (request.kind === "fault") return err(request.sentence);
  assert.ok(request.kind === "run");
  return readServeOptions(request.line.options);
}

function options(...args: readonly string[]): ServeOptions {
  const options = read(args);
  assert.ok(options.ok, options.ok ? "" : options.fault);
  return options.value;
}

function fault(...args: readonly string[]): string {
  const options = read(args);
  assert.ok(!options.ok, `${args.join(" ")} was accepted`);
  return options.fault;
}

Deno.test("serve has the contract's defaults", () => {
  const { policy, ...rest } = options();
  assert.deepEqual(rest, {
    listen: { kind: "tcp", host: "127.0.0.1", port: 50051 },
    logLevel: "info",
    logFormat: "text",
    gatewayIndex: 1,
    dryRun: false,
    removeRoutesOnExit: false,
    resyncMs: 30_000,
    probeMs: undefined,
    socketMode: 0o600,
    tls: undefined,
  });
  assert.equal(policy.clusterCidr, "10.42.0.0/16");
  assert.equal(policy.nodePrefix, 24);
});

Deno.test("serve reads every option, with a space or an equals sign before its value", () => {
  const { policy, ...rest } = options(
    ...["--grpc-addr", "0.0.0.0:65535", "--log-level=trace", "--log-format", "json"],
    ...["--cluster-cidr=10.0.0.0/8", "--node-prefix", "20"],
    ...["--gateway-index", "4094", "--dry-run", "--remove-routes-on-exit"],
  );
  assert.deepEqual(rest, {
    listen: { kind: "tcp", host: "0.0.0.0", port: 65535 },
    logLevel: "trace",
    logFormat: "json",
    gatewayIndex: 4094,
    dryRun: true,
    removeRoutesOnExit: true,
    resyncMs: 30_000,
    probeMs: undefined,
    socketMode: 0o600,
    tls: undefined,
  });
  assert.equal(policy.clusterCidr, "10.0.0.0/8");
  assert.equal(policy.nodePrefix, 20);
});

Deno.test("--grpc-addr localhost is 127.0.0.1 without a resolver", () => {
  assert.deepEqual(options("--grpc-addr", "localhost:1").listen, {
    kind: "tcp",
    host: "127.0.0.1",
    port: 1,
  });
});

Deno.test("--grpc-addr refuses a malformed address and gives an example", () => {
  for (
    const text of [
      ...["", "127.0.0.1", ":50051", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536"],
      ...["127.0.0.1:050", "127.0.0.01:1", "256.0.0.1:1", "example.org:1", "[::1]:1"],
      ...["127.0.0.1:1 ", " 127.0.0.1:1", "127.0.0.1:1\n", "127.0.0.1:+1"],
    ]
  ) {
    assert.equal(
      fault("--grpc-addr", text),
      `Invalid --grpc-addr ${JSON.stringify(text)}; use an IPv4 address or localhost ` +
        "and a port from 1 to 65535, such as 127.0.0.1:50051",
    );
  }
});

Deno.test("--log-level and --log-format refuse an unknown value and list the known ones", () => {
  assert.equal(
    fault("--log-level", "INFO"),
    'Invalid --log-level "INFO"; use one of trace, debug, info, warn, error',
  );
  assert.equal(
    fault("--log-format", "xml"),
    'Invalid --log-format "xml"; use one of text, json, journald',
  );
});

Deno.test("--cluster-cidr and --node-prefix refuse an invalid policy in one sentence", () => {
  for (const prefix of ["", "x", "24.0", "-1", "+24", "024", "0x18", "1e1"]) {
    assert.match(
      fault("--node-prefix", prefix),
      /^Invalid --node-prefix ".*use a whole/,
    );
  }
  assert.match(fault("--node-prefix", "8"), /use a --node-prefix from 16 to 30$/);
  assert.match(
    fault("--cluster-cidr", "10.42.0.1/16"),
    /use --cluster-cidr 10\.42\.0\.0/,
  );
  assert.match(fault("--cluster-cidr", "all"), /^Invalid cluster CIDR format: "all"/);
});

Deno.test("--gateway-index accepts only the offset of a host address", () => {
  const wrong = (index: string, ...more: readonly string[]) =>
    fault("--gateway-index", index, ...more);
  assert.equal(
    wrong("0"),
    "Invalid gateway index 0; in a node subnet of /24 use a --gateway-index " +
      "from 1 to 254",
  );
  assert.match(wrong("255"), /^Invalid gateway index 255; .* from 1 to 254$/);
  assert.match(wrong("3", "--node-prefix", "30"), / from 1 to 2$/);
  assert.equal(options("--gateway-index", "2", "--node-prefix", "30").gatewayIndex, 2);
  for (const text of ["", "01", "+1", "1.5", "-1", "1e2", "99999999999", "ten"]) {
    assert.match(wrong(text), /^Invalid --gateway-index "|^Invalid gateway index/);
  }
});

Deno.test("--grpc-addr accepts a port, a Unix socket or a file descriptor", () => {
  const path = `/${"x".repeat(106)}`;
  assert.deepEqual(options("--grpc-addr", `unix://${path}`).listen, {
    kind: "unix",
    path,
  });
  assert.deepEqual(options("--grpc-addr", "fd:3").listen, { kind: "fd", fd: 3 });
  for (
    const text of [
      ...[
        "unix:",
        "unix:run/x",
        "unix:/run/x",
        "unix://run/x",
        "unix:///",
        "unix:///x/",
      ],
      ...["unix:///a\0b", `unix://${path}x`, `unix:///${"ü".repeat(54)}`],
    ]
  ) {
    assert.match(
      fault("--grpc-addr", text),
      /^Invalid --grpc-addr "unix:.*107 bytes, such/,
    );
  }
  for (const text of ["fd:", "fd:0", "fd:2", "fd:03", "fd:-3", "fd:3x", "fd:1000000"]) {
    assert.match(
      fault("--grpc-addr", text),
      /^Invalid --grpc-addr "fd:.*such as fd:3$/,
    );
  }
});

Deno.test("--socket-mode is octal, and only for a Unix socket", () => {
  const unix = ["--grpc-addr", "unix:///run/x.sock", "--socket-mode"] as const;
  assert.equal(options(...unix, "0660").socketMode, 0o660);
  assert.equal(options(...unix, "666").socketMode, 0o666);
  for (const text of ["", "0o660", "66", "1660", "0688", "u=rw"]) {
    assert.match(
      fault(...unix, text),
      /^Invalid --socket-mode ".*digits such as 0660$/,
    );
  }
  assert.match(
    fault("--socket-mode", "0660"),
    /^--socket-mode is for a Unix socket; use/,
  );
});

Deno.test("--tls-cert and --tls-key belong together, and --tls-ca is optional", () => {
  const pair = ["--tls-cert", "/c", "--tls-key", "/k"] as const;
  const tls = { cert: "/c", key: "/k" };
  assert.deepEqual(options(...pair).tls, { ...tls, ca: undefined });
  assert.deepEqual(options(...pair, "--tls-ca", "/a").tls, { ...tls, ca: "/a" });
  for (
    const some of [
      ...[["--tls-cert", "/c"], ["--tls-key", "/k"], ["--tls-ca", "/a"]],
      ...[["--tls-cert", "/c", "--tls-ca", "/a"], [
        "--tls-key",
        "/k",
        "--tls-ca",
        "/a",
      ]],
    ]
  ) {
    assert.equal(
      fault(...some),
      "TLS needs both --tls-cert and --tls-key; --tls-ca is optional",
    );
  }
});
