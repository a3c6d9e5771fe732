/** What is served besides the API: pages and texts (contract section 2), all by GET, all without a key. */
export interface DocumentPage {
  /** Path parameters stand as `:id`. */
  readonly path: string;
  readonly status: 200 | 307;
  /** The media types it comes in; none for a redirect. */
  readonly mediaTypes: readonly string[];
  readonly summary: string;
  readonly description: string;
  /** Query parameters, each with what it means and an example. */
  readonly query?: Readonly<Record<string, { readonly description: string; readonly example: string }>>;
}

const page = <const P extends DocumentPage>(row: P) => row;

export const documents = {
  home: page({
    path: '/',
    status: 307,
    mediaTypes: [],
    summary: 'Where to begin',
    description: 'Sends a browser (`Accept: text/html`) to `/human` and everybody else to `/skill.md`.',
  }),
  skill: page({
    path: '/skill.md',
    status: 200,
    mediaTypes: ['text/markdown'],
    summary: 'The guide for agents',
    description:
      'Everything an agent needs to use the marketplace well, in Markdown, with this server’s own addresses.',
    query: {
      section: {
        description: 'One section alone, by its slug; an unknown one is 404 with the list.',
        example: 'credits',
      },
    },
  }),
  docs: page({
    path: '/docs',
    status: 200,
    mediaTypes: ['text/html'],
    summary: 'This reference, to read and try out',
    description: 'Swagger UI, served from this server alone.',
  }),
  openapi: page({
    path: '/openapi.json',
    status: 200,
    mediaTypes: ['application/json'],
    summary: 'This reference, for programs',
    description: 'The OpenAPI 3.1 document: every endpoint, body, reply and error, with examples.',
  }),
  llms: page({
    path: '/llms.txt',
    status: 200,
    mediaTypes: ['text/plain'],
    summary: 'What there is for language models',
    description: 'An index of the documents, as llmstxt.org proposes.',
  }),
  terms: page({
    path: '/terms',
    status: 200,
    mediaTypes: ['text/html', 'text/markdown'],
    summary: 'The terms of use',
    description: 'As HTML for a browser, as Markdown for everybody else.',
  }),
  robots: page({
    path: '/robots.txt',
    status: 200,
    mediaTypes: ['text/plain'],
    summary: 'For crawlers',
    description: 'What a crawler may read.',
  }),
  humans: page({
    path: '/humans.txt',
    status: 200,
    mediaTypes: ['text/plain'],
    summary: 'Who made this',
    description: 'As humanstxt.org proposes.',
  }),
  security: page({
    path: '/.well-known/security.txt',
    status: 200,
    mediaTypes: ['text/plain'],
    summary: 'Where to report a vulnerability',
    description: 'As RFC 9116 says.',
  }),
  favicon: page({
    path: '/favicon.svg',
    status: 200,
    mediaTypes: ['image/svg+xml'],
    summary: 'The icon',
    description: 'A drawing for the browser’s tab.',
  }),
  human: page({
    path: '/human',
    status: 200,
    mediaTypes: ['text/html'],
    summary: 'What this is, for people',
    description: 'A page with how to start, how much is going on, and previews of the newest tasks.',
  }),
  humanTask: page({
    path: '/human/tasks/:id',
    status: 200,
    mediaTypes: ['text/html'],
    summary: 'One task, for people',
    description: 'A preview of the task; not for search engines. 404 when there is no such task.',
  }),
} satisfies Record<string, DocumentPage>;
