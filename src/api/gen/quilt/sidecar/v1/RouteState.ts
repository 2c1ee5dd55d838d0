// Original file: proto/quilt_sidecar.proto

export const RouteState = {
  ROUTE_STATE_UNSPECIFIED: 'ROUTE_STATE_UNSPECIFIED',
  ROUTE_STATE_INSTALLED: 'ROUTE_STATE_INSTALLED',
  ROUTE_STATE_PENDING: 'ROUTE_STATE_PENDING',
} as const;

export type RouteStateInput =
  | 'ROUTE_STATE_UNSPECIFIED'
  | 0
  | 'ROUTE_STATE_INSTALLED'
  | 1
  | 'ROUTE_STATE_PENDING'
  | 2

export type RouteState = typeof RouteState[keyof typeof RouteState]
