export { mostCharacters, withTools } from './answer.ts';
export { instructions } from './documents.ts';
export { type EndpointInput, type Market, type MarketOptions, Refusal } from './market.ts';
export { mostWaitSeconds } from './schemas.ts';
export { serverInfo, serverOptions, serveTools, type Surroundings } from './serve.ts';
export type { Tool } from './tool.ts';
export { tools, toolsByName } from './tools.ts';
