// Original file: proto/quilt.proto


export interface RemoveRouteRequestInput {
  'destination'?: (string);
}

export interface RemoveRouteRequest {
  'destination': (string);
}
