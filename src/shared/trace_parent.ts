/** A span as W3C Trace Context names it: for children, links and records. */
export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** 1: the trace is exported. */
  readonly flags: number;
}
