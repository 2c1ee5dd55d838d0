// Original file: proto/quilt_sidecar.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ListRoutesRequestInput as _quilt_sidecar_v1_ListRoutesRequestInput, ListRoutesRequest as _quilt_sidecar_v1_ListRoutesRequest } from '../../../quilt/sidecar/v1/ListRoutesRequest.ts';
import type { ListRoutesResponseInput as _quilt_sidecar_v1_ListRoutesResponseInput, ListRoutesResponse as _quilt_sidecar_v1_ListRoutesResponse } from '../../../quilt/sidecar/v1/ListRoutesResponse.ts';
import type { SyncRoutesRequestInput as _quilt_sidecar_v1_SyncRoutesRequestInput, SyncRoutesRequest as _quilt_sidecar_v1_SyncRoutesRequest } from '../../../quilt/sidecar/v1/SyncRoutesRequest.ts';
import type { SyncRoutesResponseInput as _quilt_sidecar_v1_SyncRoutesResponseInput, SyncRoutesResponse as _quilt_sidecar_v1_SyncRoutesResponse } from '../../../quilt/sidecar/v1/SyncRoutesResponse.ts';
import type { WatchRoutesRequestInput as _quilt_sidecar_v1_WatchRoutesRequestInput, WatchRoutesRequest as _quilt_sidecar_v1_WatchRoutesRequest } from '../../../quilt/sidecar/v1/WatchRoutesRequest.ts';
import type { WatchRoutesResponseInput as _quilt_sidecar_v1_WatchRoutesResponseInput, WatchRoutesResponse as _quilt_sidecar_v1_WatchRoutesResponse } from '../../../quilt/sidecar/v1/WatchRoutesResponse.ts';

export interface RouteServiceHandlers extends grpc.UntypedServiceImplementation {
  ListRoutes: grpc.handleUnaryCall<_quilt_sidecar_v1_ListRoutesRequest, _quilt_sidecar_v1_ListRoutesResponseInput>;
  
  SyncRoutes: grpc.handleUnaryCall<_quilt_sidecar_v1_SyncRoutesRequest, _quilt_sidecar_v1_SyncRoutesResponseInput>;
  
  WatchRoutes: grpc.handleServerStreamingCall<_quilt_sidecar_v1_WatchRoutesRequest, _quilt_sidecar_v1_WatchRoutesResponseInput>;
  
}

export interface RouteServiceDefinition extends grpc.ServiceDefinition {
  ListRoutes: MethodDefinition<_quilt_sidecar_v1_ListRoutesRequestInput, _quilt_sidecar_v1_ListRoutesResponseInput, _quilt_sidecar_v1_ListRoutesRequest, _quilt_sidecar_v1_ListRoutesResponse>
  SyncRoutes: MethodDefinition<_quilt_sidecar_v1_SyncRoutesRequestInput, _quilt_sidecar_v1_SyncRoutesResponseInput, _quilt_sidecar_v1_SyncRoutesRequest, _quilt_sidecar_v1_SyncRoutesResponse>
  WatchRoutes: MethodDefinition<_quilt_sidecar_v1_WatchRoutesRequestInput, _quilt_sidecar_v1_WatchRoutesResponseInput, _quilt_sidecar_v1_WatchRoutesRequest, _quilt_sidecar_v1_WatchRoutesResponse>
}
