// Original file: proto/quilt_sidecar.proto

import type { WantedRouteInput as _quilt_sidecar_v1_WantedRouteInput, WantedRoute as _quilt_sidecar_v1_WantedRoute } from '../../../quilt/sidecar/v1/WantedRoute.ts';

export interface SyncRoutesRequestInput {
  'routes'?: (_quilt_sidecar_v1_WantedRouteInput)[];
  'dry_run'?: (boolean);
}

export interface SyncRoutesRequest {
  'routes': (_quilt_sidecar_v1_WantedRoute)[];
  'dry_run': (boolean);
}
