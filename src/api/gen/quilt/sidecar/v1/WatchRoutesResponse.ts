// Original file: proto/quilt_sidecar.proto

import type { RouteInput as _quilt_sidecar_v1_RouteInput, Route as _quilt_sidecar_v1_Route } from '../../../quilt/sidecar/v1/Route.ts';

export interface WatchRoutesResponseInput {
  'complete'?: (boolean);
  'routes'?: (_quilt_sidecar_v1_RouteInput)[];
  'removed'?: (string)[];
}

export interface WatchRoutesResponse {
  'complete': (boolean);
  'routes': (_quilt_sidecar_v1_Route)[];
  'removed': (string)[];
}
