// Original file: proto/quilt.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ConfigureNodeSubnetRequestInput as _quilt_ConfigureNodeSubnetRequestInput, ConfigureNodeSubnetRequest as _quilt_ConfigureNodeSubnetRequest } from '../quilt/ConfigureNodeSubnetRequest.ts';
import type { ConfigureNodeSubnetResponseInput as _quilt_ConfigureNodeSubnetResponseInput, ConfigureNodeSubnetResponse as _quilt_ConfigureNodeSubnetResponse } from '../quilt/ConfigureNodeSubnetResponse.ts';
import type { InjectRouteRequestInput as _quilt_InjectRouteRequestInput, InjectRouteRequest as _quilt_InjectRouteRequest } from '../quilt/InjectRouteRequest.ts';
import type { InjectRouteResponseInput as _quilt_InjectRouteResponseInput, InjectRouteResponse as _quilt_InjectRouteResponse } from '../quilt/InjectRouteResponse.ts';
import type { RemoveRouteRequestInput as _quilt_RemoveRouteRequestInput, RemoveRouteRequest as _quilt_RemoveRouteRequest } from '../quilt/RemoveRouteRequest.ts';
import type { RemoveRouteResponseInput as _quilt_RemoveRouteResponseInput, RemoveRouteResponse as _quilt_RemoveRouteResponse } from '../quilt/RemoveRouteResponse.ts';

export interface QuiltRuntimeHandlers extends grpc.UntypedServiceImplementation {
  ConfigureNodeSubnet: grpc.handleUnaryCall<_quilt_ConfigureNodeSubnetRequest, _quilt_ConfigureNodeSubnetResponseInput>;
  
  InjectRoute: grpc.handleUnaryCall<_quilt_InjectRouteRequest, _quilt_InjectRouteResponseInput>;
  
  RemoveRoute: grpc.handleUnaryCall<_quilt_RemoveRouteRequest, _quilt_RemoveRouteResponseInput>;
  
}

export interface QuiltRuntimeDefinition extends grpc.ServiceDefinition {
  ConfigureNodeSubnet: MethodDefinition<_quilt_ConfigureNodeSubnetRequestInput, _quilt_ConfigureNodeSubnetResponseInput, _quilt_ConfigureNodeSubnetRequest, _quilt_ConfigureNodeSubnetResponse>
  InjectRoute: MethodDefinition<_quilt_InjectRouteRequestInput, _quilt_InjectRouteResponseInput, _quilt_InjectRouteRequest, _quilt_InjectRouteResponse>
  RemoveRoute: MethodDefinition<_quilt_RemoveRouteRequestInput, _quilt_RemoveRouteResponseInput, _quilt_RemoveRouteRequest, _quilt_RemoveRouteResponse>
}
