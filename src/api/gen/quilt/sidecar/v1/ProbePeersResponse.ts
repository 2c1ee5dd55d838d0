// Original file: proto/quilt_sidecar.proto

import type { ProbedPeerInput as _quilt_sidecar_v1_ProbedPeerInput, ProbedPeer as _quilt_sidecar_v1_ProbedPeer } from '../../../quilt/sidecar/v1/ProbedPeer.ts';

export interface ProbePeersResponseInput {
  'peers'?: (_quilt_sidecar_v1_ProbedPeerInput)[];
}

export interface ProbePeersResponse {
  'peers': (_quilt_sidecar_v1_ProbedPeer)[];
}
