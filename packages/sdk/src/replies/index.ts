export * from './agents.ts';
export * from './events.ts';
export * from './operator.ts';
export * from './operator-views.ts';
export * from './service.ts';
export * from './talk.ts';
export * from './tasks.ts';
export * from './market.ts';
