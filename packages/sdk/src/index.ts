export * from './documents.ts';
export * from './endpoints.ts';
export * from './errors.ts';
export * from './events.ts';
export { foldTag } from './fields.ts';
export * from './ids.ts';
export { limits } from './limits.ts';
export * from './replies.ts';
export * from './requests.ts';
