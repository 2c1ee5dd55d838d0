// Original file: proto/quilt.proto


export interface InjectRouteResponseInput {
  'success'?: (boolean);
  'error'?: (string);
}

export interface InjectRouteResponse {
  'success': (boolean);
  'error': (string);
}
