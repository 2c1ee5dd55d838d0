// Original file: proto/quilt.proto


export interface ConfigureNodeSubnetResponseInput {
  'success'?: (boolean);
  'error'?: (string);
}

export interface ConfigureNodeSubnetResponse {
  'success': (boolean);
  'error': (string);
}
