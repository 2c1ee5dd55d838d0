import { type Checked, fail, pass } from "../shared/result.ts";
import { type BoundAddress, parseListenAddress } from "../transport/listen_address.ts";

/** What the help of a command that asks a sidecar says of where. */
export const ASKED_ADDRESS_HELP =
  `  --grpc-addr ADDRESS       ask there: HOST:PORT (default 127.0.0.1:50051), where HOST
                            is an IPv4 address or localhost, needs
                            --allow-net=HOST:PORT; unix:///PATH needs what the task
                            serve:unix grants`;

/** Reads the `--grpc-addr` of such a command, or says in one sentence what is wrong. */
export function readAskedAddress(
  text: string | undefined,
): Checked<BoundAddress, string> {
  const address = parseListenAddress(text);
  if (!address.ok) return address;
  return address.value.kind === "fd"
    ? fail("--grpc-addr fd:N is for serve; use the address of that socket")
    : pass(address.value);
}
