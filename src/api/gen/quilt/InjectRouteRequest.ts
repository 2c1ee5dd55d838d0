// Original file: proto/quilt.proto


export interface InjectRouteRequestInput {
  'destination'?: (string);
  'via_interface'?: (string);
}

export interface InjectRouteRequest {
  'destination': (string);
  'via_interface': (string);
}
