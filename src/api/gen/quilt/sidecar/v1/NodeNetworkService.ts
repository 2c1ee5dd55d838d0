// Original file: proto/quilt_sidecar.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetNodeNetworkRequestInput as _quilt_sidecar_v1_GetNodeNetworkRequestInput, GetNodeNetworkRequest as _quilt_sidecar_v1_GetNodeNetworkRequest } from '../../../quilt/sidecar/v1/GetNodeNetworkRequest.ts';
import type { GetNodeNetworkResponseInput as _quilt_sidecar_v1_GetNodeNetworkResponseInput, GetNodeNetworkResponse as _quilt_sidecar_v1_GetNodeNetworkResponse } from '../../../quilt/sidecar/v1/GetNodeNetworkResponse.ts';
import type { WatchNodeNetworkRequestInput as _quilt_sidecar_v1_WatchNodeNetworkRequestInput, WatchNodeNetworkRequest as _quilt_sidecar_v1_WatchNodeNetworkRequest } from '../../../quilt/sidecar/v1/WatchNodeNetworkRequest.ts';
import type { WatchNodeNetworkResponseInput as _quilt_sidecar_v1_WatchNodeNetworkResponseInput, WatchNodeNetworkResponse as _quilt_sidecar_v1_WatchNodeNetworkResponse } from '../../../quilt/sidecar/v1/WatchNodeNetworkResponse.ts';

export interface NodeNetworkServiceHandlers extends grpc.UntypedServiceImplementation {
  GetNodeNetwork: grpc.handleUnaryCall<_quilt_sidecar_v1_GetNodeNetworkRequest, _quilt_sidecar_v1_GetNodeNetworkResponseInput>;
  
  WatchNodeNetwork: grpc.handleServerStreamingCall<_quilt_sidecar_v1_WatchNodeNetworkRequest, _quilt_sidecar_v1_WatchNodeNetworkResponseInput>;
  
}

export interface NodeNetworkServiceDefinition extends grpc.ServiceDefinition {
  GetNodeNetwork: MethodDefinition<_quilt_sidecar_v1_GetNodeNetworkRequestInput, _quilt_sidecar_v1_GetNodeNetworkResponseInput, _quilt_sidecar_v1_GetNodeNetworkRequest, _quilt_sidecar_v1_GetNodeNetworkResponse>
  WatchNodeNetwork: MethodDefinition<_quilt_sidecar_v1_WatchNodeNetworkRequestInput, _quilt_sidecar_v1_WatchNodeNetworkResponseInput, _quilt_sidecar_v1_WatchNodeNetworkRequest, _quilt_sidecar_v1_WatchNodeNetworkResponse>
}
