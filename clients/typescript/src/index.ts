// A PowerSync connector that uploads to writegate.
export { WritegateConnector, type Options } from './connector.ts';
export { exchange, type Credentials, type DeviceSecret, type Exchange } from './credentials.ts';
export { WritegateError, type Fetch } from './http.ts';
export type { Database, Operation, Transaction } from './queue.ts';
export type { FailedOperation, Refusal } from './results.ts';
