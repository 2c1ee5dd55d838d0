/** Every peer that a cluster of the contract's size can have, as InjectRoute names it. */
export const PEERS: readonly {
  readonly destination: string;
  readonly via_interface: string;
}[] = Array.from({ length: 254 }, (_, index) => ({
  destination: `10.42.${index + 1}.0/24`,
  via_interface: "vxlan100",
}));
