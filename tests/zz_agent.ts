import { Client, credentials } from "@grpc/grpc-js";
import { QUILT_RUNTIME } from "../src/rpc/wire.ts";
const c = new Client("127.0.0.1:50051", credentials.createInsecure());
const m = QUILT_RUNTIME["InjectRoute"]!;
const call = (d: string) =>
  new Promise<void>((res, rej) =>
    c.makeUnaryRequest(m.path, m.requestSerialize, m.responseDeserialize, {
      destination: d,
      via_interface: "vxlan100",
    }, (e: unknown, r: any) => e ? rej(e) : r.success ? res() : rej(r))
  );
const took: number[] = [];
const end = performance.now() + Number(Deno.args[0]) * 1000;
while (performance.now() < end) {
  for (let i = 1; i < 255 && performance.now() < end; i++) {
    const t = performance.now();
    await call(`10.42.${i}.0/24`);
    took.push(performance.now() - t);
  }
  await new Promise((r) => setTimeout(r, 500));
}
took.sort((a, b) => a - b);
console.log(
  "calls",
  took.length,
  "p50",
  took[took.length >> 1]?.toFixed(2),
  "p99",
  took[Math.floor(took.length * .99)]?.toFixed(2),
  "max",
  took.at(-1)?.toFixed(1),
);
Deno.exit();
