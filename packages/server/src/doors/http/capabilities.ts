import { type CapabilitiesResponse, type DocumentPage, documents, type Endpoint, endpoints } from '@pinchwork/sdk';
import { version } from '../../ground/version.ts';

const shown = (path: string) => path.replace(/:(\w+)/g, '{$1}');
const lineOf = ({ method, path }: Endpoint) => `${method} ${shown(path)}`;

/** What this server can do (contract section 2), told by the tables that it is made of. */
export const capabilities = (origin: string): CapabilitiesResponse => ({
  version,
  endpoints: [
    ...Object.values<Endpoint>(endpoints).map(({ method, path }) => ({ method, path: shown(path) })),
    ...Object.values<DocumentPage>(documents).map(({ path }) => ({ method: 'GET', path: shown(path) })),
  ],
  quick_start: [endpoints.register, endpoints.createTask, endpoints.listBoard, endpoints.pickup, endpoints.deliver].map(
    lineOf,
  ),
  docs_url: origin + documents.docs.path,
  openapi_url: origin + documents.openapi.path,
});
