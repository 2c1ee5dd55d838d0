// Original file: proto/quilt.proto


export interface RemoveRouteResponseInput {
  'success'?: (boolean);
  'error'?: (string);
}

export interface RemoveRouteResponse {
  'success': (boolean);
  'error': (string);
}
