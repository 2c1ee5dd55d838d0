// Original file: proto/quilt_sidecar.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AllocateAddressRequestInput as _quilt_sidecar_v1_AllocateAddressRequestInput, AllocateAddressRequest as _quilt_sidecar_v1_AllocateAddressRequest } from '../../../quilt/sidecar/v1/AllocateAddressRequest.ts';
import type { AllocateAddressResponseInput as _quilt_sidecar_v1_AllocateAddressResponseInput, AllocateAddressResponse as _quilt_sidecar_v1_AllocateAddressResponse } from '../../../quilt/sidecar/v1/AllocateAddressResponse.ts';
import type { ListAddressesRequestInput as _quilt_sidecar_v1_ListAddressesRequestInput, ListAddressesRequest as _quilt_sidecar_v1_ListAddressesRequest } from '../../../quilt/sidecar/v1/ListAddressesRequest.ts';
import type { ListAddressesResponseInput as _quilt_sidecar_v1_ListAddressesResponseInput, ListAddressesResponse as _quilt_sidecar_v1_ListAddressesResponse } from '../../../quilt/sidecar/v1/ListAddressesResponse.ts';
import type { ReleaseAddressRequestInput as _quilt_sidecar_v1_ReleaseAddressRequestInput, ReleaseAddressRequest as _quilt_sidecar_v1_ReleaseAddressRequest } from '../../../quilt/sidecar/v1/ReleaseAddressRequest.ts';
import type { ReleaseAddressResponseInput as _quilt_sidecar_v1_ReleaseAddressResponseInput, ReleaseAddressResponse as _quilt_sidecar_v1_ReleaseAddressResponse } from '../../../quilt/sidecar/v1/ReleaseAddressResponse.ts';

export interface AddressServiceHandlers extends grpc.UntypedServiceImplementation {
  AllocateAddress: grpc.handleUnaryCall<_quilt_sidecar_v1_AllocateAddressRequest, _quilt_sidecar_v1_AllocateAddressResponseInput>;
  
  ListAddresses: grpc.handleUnaryCall<_quilt_sidecar_v1_ListAddressesRequest, _quilt_sidecar_v1_ListAddressesResponseInput>;
  
  ReleaseAddress: grpc.handleUnaryCall<_quilt_sidecar_v1_ReleaseAddressRequest, _quilt_sidecar_v1_ReleaseAddressResponseInput>;
  
}

export interface AddressServiceDefinition extends grpc.ServiceDefinition {
  AllocateAddress: MethodDefinition<_quilt_sidecar_v1_AllocateAddressRequestInput, _quilt_sidecar_v1_AllocateAddressResponseInput, _quilt_sidecar_v1_AllocateAddressRequest, _quilt_sidecar_v1_AllocateAddressResponse>
  ListAddresses: MethodDefinition<_quilt_sidecar_v1_ListAddressesRequestInput, _quilt_sidecar_v1_ListAddressesResponseInput, _quilt_sidecar_v1_ListAddressesRequest, _quilt_sidecar_v1_ListAddressesResponse>
  ReleaseAddress: MethodDefinition<_quilt_sidecar_v1_ReleaseAddressRequestInput, _quilt_sidecar_v1_ReleaseAddressResponseInput, _quilt_sidecar_v1_ReleaseAddressRequest, _quilt_sidecar_v1_ReleaseAddressResponse>
}
