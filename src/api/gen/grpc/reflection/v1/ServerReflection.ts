// Original file: proto/grpc/reflection/v1/reflection.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ServerReflectionRequestInput as _grpc_reflection_v1_ServerReflectionRequestInput, ServerReflectionRequest as _grpc_reflection_v1_ServerReflectionRequest } from '../../../grpc/reflection/v1/ServerReflectionRequest.ts';
import type { ServerReflectionResponseInput as _grpc_reflection_v1_ServerReflectionResponseInput, ServerReflectionResponse as _grpc_reflection_v1_ServerReflectionResponse } from '../../../grpc/reflection/v1/ServerReflectionResponse.ts';

export interface ServerReflectionHandlers extends grpc.UntypedServiceImplementation {
  ServerReflectionInfo: grpc.handleBidiStreamingCall<_grpc_reflection_v1_ServerReflectionRequest, _grpc_reflection_v1_ServerReflectionResponseInput>;
  
}

export interface ServerReflectionDefinition extends grpc.ServiceDefinition {
  ServerReflectionInfo: MethodDefinition<_grpc_reflection_v1_ServerReflectionRequestInput, _grpc_reflection_v1_ServerReflectionResponseInput, _grpc_reflection_v1_ServerReflectionRequest, _grpc_reflection_v1_ServerReflectionResponse>
}
