// Original file: proto/quilt_sidecar.proto

import type { RouteInput as _quilt_sidecar_v1_RouteInput, Route as _quilt_sidecar_v1_Route } from '../../../quilt/sidecar/v1/Route.ts';

export interface ListRoutesResponseInput {
  'routes'?: (_quilt_sidecar_v1_RouteInput)[];
}

export interface ListRoutesResponse {
  'routes': (_quilt_sidecar_v1_Route)[];
}
