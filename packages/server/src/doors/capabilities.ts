import {
  type CapabilitiesResponse,
  documentRows,
  documents,
  endpointRows,
  endpoints,
  shownLine,
  shownPath,
} from '@pinchwork/sdk/table';
import { version } from '../ground/version.ts';

/** The requests of a first task, in order. */
const quickStart = [endpoints.register, endpoints.createTask, endpoints.listBoard, endpoints.pickup, endpoints.deliver];

/** What this server can do (contract section 2), derived from the tables of endpoints and documents. */
export const capabilities = (origin: string): CapabilitiesResponse => ({
  version,
  endpoints: [
    ...endpointRows.map(({ method, path }) => ({ method, path: shownPath(path) })),
    ...documentRows.map(({ path }) => ({ method: 'GET', path: shownPath(path) })),
  ],
  quick_start: quickStart.map(shownLine),
  docs_url: origin + documents.docs.path,
  openapi_url: origin + documents.openapi.path,
});
