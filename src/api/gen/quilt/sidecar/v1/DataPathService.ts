// Original file: proto/quilt_sidecar.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ListFindingsRequestInput as _quilt_sidecar_v1_ListFindingsRequestInput, ListFindingsRequest as _quilt_sidecar_v1_ListFindingsRequest } from '../../../quilt/sidecar/v1/ListFindingsRequest.ts';
import type { ListFindingsResponseInput as _quilt_sidecar_v1_ListFindingsResponseInput, ListFindingsResponse as _quilt_sidecar_v1_ListFindingsResponse } from '../../../quilt/sidecar/v1/ListFindingsResponse.ts';
import type { ProbePeersRequestInput as _quilt_sidecar_v1_ProbePeersRequestInput, ProbePeersRequest as _quilt_sidecar_v1_ProbePeersRequest } from '../../../quilt/sidecar/v1/ProbePeersRequest.ts';
import type { ProbePeersResponseInput as _quilt_sidecar_v1_ProbePeersResponseInput, ProbePeersResponse as _quilt_sidecar_v1_ProbePeersResponse } from '../../../quilt/sidecar/v1/ProbePeersResponse.ts';
import type { WatchFindingsRequestInput as _quilt_sidecar_v1_WatchFindingsRequestInput, WatchFindingsRequest as _quilt_sidecar_v1_WatchFindingsRequest } from '../../../quilt/sidecar/v1/WatchFindingsRequest.ts';
import type { WatchFindingsResponseInput as _quilt_sidecar_v1_WatchFindingsResponseInput, WatchFindingsResponse as _quilt_sidecar_v1_WatchFindingsResponse } from '../../../quilt/sidecar/v1/WatchFindingsResponse.ts';

export interface DataPathServiceHandlers extends grpc.UntypedServiceImplementation {
  ListFindings: grpc.handleUnaryCall<_quilt_sidecar_v1_ListFindingsRequest, _quilt_sidecar_v1_ListFindingsResponseInput>;
  
  ProbePeers: grpc.handleUnaryCall<_quilt_sidecar_v1_ProbePeersRequest, _quilt_sidecar_v1_ProbePeersResponseInput>;
  
  WatchFindings: grpc.handleServerStreamingCall<_quilt_sidecar_v1_WatchFindingsRequest, _quilt_sidecar_v1_WatchFindingsResponseInput>;
  
}

export interface DataPathServiceDefinition extends grpc.ServiceDefinition {
  ListFindings: MethodDefinition<_quilt_sidecar_v1_ListFindingsRequestInput, _quilt_sidecar_v1_ListFindingsResponseInput, _quilt_sidecar_v1_ListFindingsRequest, _quilt_sidecar_v1_ListFindingsResponse>
  ProbePeers: MethodDefinition<_quilt_sidecar_v1_ProbePeersRequestInput, _quilt_sidecar_v1_ProbePeersResponseInput, _quilt_sidecar_v1_ProbePeersRequest, _quilt_sidecar_v1_ProbePeersResponse>
  WatchFindings: MethodDefinition<_quilt_sidecar_v1_WatchFindingsRequestInput, _quilt_sidecar_v1_WatchFindingsResponseInput, _quilt_sidecar_v1_WatchFindingsRequest, _quilt_sidecar_v1_WatchFindingsResponse>
}
