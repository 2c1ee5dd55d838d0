import { contentionChecks } from "./checks/contention.ts";
import { deviceChecks } from "./checks/device.ts";
import { forwardingDatabaseChecks } from "./checks/forwarding_database.ts";
import { forwardingSettingsChecks } from "./checks/forwarding_settings.ts";
import { neighbourChecks } from "./checks/neighbours.ts";
import { ownSubnetChecks } from "./checks/own_subnet.ts";
import { peerChecks } from "./checks/peers.ts";
import { privilegeChecks } from "./checks/privileges.ts";
import { ruleChecks } from "./checks/rules.ts";
import { shadowedRouteChecks } from "./checks/shadowed_routes.ts";
import { vxlanChecks } from "./checks/vxlan.ts";
import type { Check } from "./facts.ts";

/** Every check. The order does not matter: findings are sorted. */
export const CHECKS: readonly Check[] = [
  privilegeChecks,
  deviceChecks,
  vxlanChecks,
  forwardingDatabaseChecks,
  forwardingSettingsChecks,
  ruleChecks,
  shadowedRouteChecks,
  contentionChecks,
  ownSubnetChecks,
  neighbourChecks,
  peerChecks,
];
