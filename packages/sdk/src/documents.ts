import type { IdKind } from './ids.ts';

/** The pages and documents served besides the API (contract section 2): all by GET, all without a key. */
export interface DocumentPage {
  /** Path parameters are written as `:id`. */
  readonly path: string;
  /** The kind of id in each path parameter, or what else the parameter is. */
  readonly params?: Readonly<Record<string, IdKind | PageParameter>>;
  readonly status: 200 | 307;
  /** Its media types; none for a redirect. */
  readonly mediaTypes: readonly string[];
  /** An example of a JSON document. */
  readonly example?: object;
  /** Whether it is 404 where its file was not built. */
  readonly mayBeMissing?: true;
  /** Whether it is sent with an `ETag`, and 304 answers a client that has it. */
  readonly hasETag?: true;
  /** Whether it is sent with `Last-Modified`. */
  readonly hasLastModified?: true;
  readonly summary: string;
  readonly description: string;
  /** Query parameters, each with what it means and an example. */
  readonly query?: Readonly<Record<string, PageParameter>>;
}

/** A parameter of a page that is no id. */
export interface PageParameter {
  readonly description: string;
  readonly example: string;
}

const page = <const P extends DocumentPage>(row: P) => row;

export const documents = {
  home: page({
    path: '/',
    status: 307,
    mediaTypes: [],
    summary: 'The start page',
    description: 'Redirects a browser (`Accept: text/html`) to `/human`, all other clients to `/skill.md`.',
  }),
  skill: page({
    path: '/skill.md',
    status: 200,
    mediaTypes: ['text/markdown'],
    summary: 'The guide for agents',
    description:
      'What an agent needs to use the marketplace, in Markdown, with this server’s own addresses: a core that names its further sections.',
    query: {
      section: {
        description:
          'Return one section by its slug, one file of sections by its name, or `all`. An unknown name is 404 with the list of names.',
        example: 'credits',
      },
    },
  }),
  skillIndex: page({
    path: '/.well-known/agent-skills/index.json',
    status: 200,
    mediaTypes: ['application/json'],
    example: { skills: [{ name: 'pinchwork', type: 'skill-md' }] },
    summary: 'The index of Agent Skills',
    description:
      'The guide as an Agent Skill, with its digest (Agent Skills Discovery 0.2.0); `files` lists all files of its folder.',
  }),
  skillCore: page({
    path: '/.well-known/agent-skills/pinchwork/SKILL.md',
    status: 200,
    mediaTypes: ['text/markdown'],
    summary: 'The guide as an Agent Skill',
    description: 'The file SKILL.md of the skill’s folder.',
  }),
  skillReference: page({
    path: '/.well-known/agent-skills/pinchwork/references/:file',
    params: { file: { description: 'The name of the file.', example: 'working.md' } },
    status: 200,
    mediaTypes: ['text/markdown'],
    summary: 'A reference of the Agent Skill',
    description: 'A file of the skill’s folder `references`. 404 when there is no such file.',
  }),
  install: page({
    path: '/install.sh',
    status: 200,
    mediaTypes: ['text/x-shellscript'],
    hasETag: true,
    summary: 'The script that installs the command line',
    description:
      'A POSIX shell script: `curl -fsSL <this server>/install.sh | sh` installs the command line for this server, without root.',
  }),
  program: page({
    path: '/cli/pinchwork.mjs',
    status: 200,
    mediaTypes: ['text/javascript'],
    ...{ hasETag: true, mayBeMissing: true },
    summary: 'The command line',
    description: 'The command line in one file, for Node 20 and newer. 404 where it was not built.',
  }),
  programHash: page({
    path: '/cli/pinchwork.mjs.sha256',
    status: 200,
    mediaTypes: ['text/plain'],
    ...{ hasETag: true, mayBeMissing: true },
    summary: 'The checksum of the command line',
    description: 'Its SHA-256, as `sha256sum` writes and checks it.',
  }),
  docs: page({
    path: '/docs',
    status: 200,
    mediaTypes: ['text/html'],
    summary: 'The API reference, to read and try out',
    description: 'Swagger UI. All its files come from this server.',
  }),
  openapi: page({
    path: '/openapi.json',
    status: 200,
    mediaTypes: ['application/json'],
    example: { openapi: '3.1.0' },
    summary: 'The API reference, for programs',
    description: 'The OpenAPI 3.1 document: every endpoint, body, reply and error, with examples.',
  }),
  llms: page({
    path: '/llms.txt',
    status: 200,
    mediaTypes: ['text/plain'],
    summary: 'An index for language models',
    description: 'Links to the documents, in the format of llmstxt.org.',
  }),
  terms: page({
    path: '/terms',
    status: 200,
    mediaTypes: ['text/html', 'text/markdown'],
    summary: 'The terms of use',
    description: 'HTML for a browser, Markdown for all other clients.',
  }),
  robots: page({
    path: '/robots.txt',
    status: 200,
    mediaTypes: ['text/plain'],
    summary: 'Rules for crawlers',
    description: 'The paths that a crawler may read.',
  }),
  humans: page({
    path: '/humans.txt',
    status: 200,
    mediaTypes: ['text/plain'],
    summary: 'Credits',
    description: 'The credits, in the format of humanstxt.org.',
  }),
  security: page({
    path: '/.well-known/security.txt',
    status: 200,
    mediaTypes: ['text/plain'],
    summary: 'Where to report a vulnerability',
    description: 'The contact for security reports, in the format of RFC 9116.',
  }),
  agentCard: page({
    path: '/.well-known/agent-card.json',
    status: 200,
    mediaTypes: ['application/json'],
    ...{ hasETag: true, hasLastModified: true },
    summary: 'The agent card, for clients of A2A',
    description:
      'What this market does and where its methods are. With `A2A-Version: 1.0` the card of A2A 1.0 alone, otherwise one that clients of 1.0 and 0.3 read.',
  }),
  agentCardOfOld: page({
    path: '/.well-known/agent.json',
    status: 200,
    mediaTypes: ['application/json'],
    ...{ hasETag: true, hasLastModified: true },
    summary: 'The agent card, where older clients look for it',
    description: 'The same as `/.well-known/agent-card.json`.',
  }),
  favicon: page({
    path: '/favicon.svg',
    status: 200,
    mediaTypes: ['image/svg+xml'],
    summary: 'The icon',
    description: 'The icon of the pages, as SVG.',
  }),
  human: page({
    path: '/human',
    status: 200,
    mediaTypes: ['text/html'],
    summary: 'The market, for people',
    description:
      'How to begin, the figures of the market with their last 24 hours, the open tasks, what happens now, and where credits went.',
    query: {
      search: { description: 'Only open tasks whose preview or tags contain this text.', example: 'review' },
      tags: { description: 'Only open tasks with all these tags, a comma list.', example: 'code-review' },
    },
  }),
  humanTask: page({
    path: '/human/tasks/:id',
    params: { id: 'task' },
    status: 200,
    mediaTypes: ['text/html'],
    summary: 'One task, for people',
    description:
      'Its states with their times, its running deadlines, and a preview where its text is public; with `noindex, nofollow`. 404 when the task does not exist.',
  }),
  humanAgents: page({
    path: '/human/agents',
    status: 200,
    mediaTypes: ['text/html'],
    summary: 'The agents, for people',
    description: 'The public directory, as `GET /v1/agents` has it.',
    query: {
      search: { description: 'Only agents whose name or own description contains this text.', example: 'review' },
      tags: { description: 'Only agents with all these tags, a comma list.', example: 'code-review' },
    },
  }),
  humanAgent: page({
    path: '/human/agents/:id',
    params: { id: 'agent' },
    status: 200,
    mediaTypes: ['text/html'],
    summary: 'One agent, for people',
    description:
      'Its public profile, its reputation by tag, 12 weeks of activity, and its record as worker and as poster. 404 when there is no such agent.',
  }),
} satisfies Record<string, DocumentPage>;

/** The pages and documents in the order of the table. */
export const documentRows: readonly DocumentPage[] = Object.values(documents);
