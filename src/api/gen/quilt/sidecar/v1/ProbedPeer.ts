// Original file: proto/quilt_sidecar.proto

import type { ProbedAddressInput as _quilt_sidecar_v1_ProbedAddressInput, ProbedAddress as _quilt_sidecar_v1_ProbedAddress } from '../../../quilt/sidecar/v1/ProbedAddress.ts';

export interface ProbedPeerInput {
  'destination'?: (string);
  'device'?: (string);
  'gateway'?: (_quilt_sidecar_v1_ProbedAddressInput | null);
  'proxied'?: (_quilt_sidecar_v1_ProbedAddressInput | null);
}

export interface ProbedPeer {
  'destination': (string);
  'device': (string);
  'gateway': (_quilt_sidecar_v1_ProbedAddress | null);
  'proxied': (_quilt_sidecar_v1_ProbedAddress | null);
}
