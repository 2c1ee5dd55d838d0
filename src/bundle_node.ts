/** What a bug report shows of the kernel: by reads alone. */
export {
  list,
  type Listed,
  type Listing,
  LISTINGS,
} from "./dataplane/iproute2/plain_reads.ts";
