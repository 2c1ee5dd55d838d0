// Original file: proto/quilt_sidecar.proto

import type { NodeNetworkInput as _quilt_sidecar_v1_NodeNetworkInput, NodeNetwork as _quilt_sidecar_v1_NodeNetwork } from '../../../quilt/sidecar/v1/NodeNetwork.ts';
import type { FindingInput as _quilt_sidecar_v1_FindingInput, Finding as _quilt_sidecar_v1_Finding } from '../../../quilt/sidecar/v1/Finding.ts';
import type { SidecarActivityInput as _quilt_sidecar_v1_SidecarActivityInput, SidecarActivity as _quilt_sidecar_v1_SidecarActivity } from '../../../quilt/sidecar/v1/SidecarActivity.ts';

export interface GetNodeNetworkResponseInput {
  'node_network'?: (_quilt_sidecar_v1_NodeNetworkInput | null);
  'refusal'?: (string);
  'findings'?: (_quilt_sidecar_v1_FindingInput)[];
  'sidecar'?: (_quilt_sidecar_v1_SidecarActivityInput | null);
}

export interface GetNodeNetworkResponse {
  'node_network': (_quilt_sidecar_v1_NodeNetwork | null);
  'refusal': (string);
  'findings': (_quilt_sidecar_v1_Finding)[];
  'sidecar': (_quilt_sidecar_v1_SidecarActivity | null);
}
