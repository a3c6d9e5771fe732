export type { Input, Result } from './client/calls.ts';
export { type ClientErrorCode, PinchworkError } from './client/error.ts';
export type { EventStream, PinchworkEvent, Reset, StreamInput } from './client/events.ts';
export type { List } from './client/list.ts';
export type { CallOptions, Options, Retry } from './client/options.ts';
export { Pinchwork, type RawInput } from './client/pinchwork.ts';
export type { Review, RunOptions, WaitInput } from './client/tasks.ts';
export type { ErrorCode } from './errors.ts';
export type * from './replies/index.ts';
