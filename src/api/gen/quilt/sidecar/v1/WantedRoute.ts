// Original file: proto/quilt_sidecar.proto


export interface WantedRouteInput {
  'destination'?: (string);
  'device'?: (string);
}

export interface WantedRoute {
  'destination': (string);
  'device': (string);
}
