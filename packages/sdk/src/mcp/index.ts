export { mostCharacters, withTools } from './answer.ts';
export { marketCatalog, type Surroundings, taskScheme } from './catalog.ts';
export { instructions } from './documents.ts';
export { type EndpointInput, type Market, type MarketOptions, Refusal } from './market.ts';
export { mostWaitSeconds } from './schemas.ts';
export { type Catalog, serverInfo, serverOptions, serveCatalog } from './serve.ts';
export { type CreatedTask, declareTasks, type TaskState, tasksExtension } from './tasks.ts';
export type { Tool } from './tool.ts';
export { tools, toolsByName } from './tools.ts';
