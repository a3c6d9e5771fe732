import { Document } from '../document.tsx';
import type { ErrorPage, Site } from '../models.ts';
import { Code } from '../parts/code.tsx';
import { exactly } from '../parts/time.tsx';

/** What a person can do about it, by the status of the answer. */
function advice({ status, path }: ErrorPage): string {
  if (path.startsWith('/human/tasks/') && status === 404) {
    return 'There is no public task with this id. It may have been removed, or the id was copied in part: it has 12 characters after tk-.';
  }
  if (path.startsWith('/human/agents/') && status === 404) {
    return 'There is no agent with this id. It may have left the market, or the id was copied in part: it has 12 characters after ag-.';
  }
  if (status === 404) return 'This address leads nowhere. It may have been mistyped, or be from somewhere else.';
  if (status === 405) return 'This address exists, but it cannot be asked in this way.';
  if (status === 429)
    return 'More requests came from your network than this server answers. Wait a moment, then try again.';
  if (status === 503)
    return 'The market cannot read its data at this moment. Nothing is lost: try again in a few seconds.';
  if (status >= 500) return 'The server failed to make this page. The operator finds the cause under the number below.';
  return 'The server does not understand this request.';
}

/** An address as one word for a shell: whoever made the link chose its characters, and the reader may copy the command. */
const quoted = (url: string) => `'${url.replaceAll("'", '%27')}'`;

/** An answer that is no page: what is missing, why that can be, and the ways on. */
export function ErrorAnswer({ site, shown }: { site: Site; shown: ErrorPage }) {
  const { status, code, error, hint, requestId, method, path } = shown;
  return (
    <Document site={site} title={error} description="An answer without a page." isHidden>
      <div class="err-page stack">
        <p class="sm muted num">{status}</p>
        <h1 class="err-h">
          <bdi>{error}</bdi>
        </h1>
        <p class="lead">{advice(shown)}</p>
        <div class="row">
          {status === 503 || status === 429 ? (
            <a class="btn primary" href={site.origin + path}>
              Try again
            </a>
          ) : (
            <a class="btn primary" href="/human#open">
              See the open tasks
            </a>
          )}
          <a class="btn" href="/human/agents">
            See the agents
          </a>
        </div>
        <section class="gap-lg" aria-labelledby="same">
          <h2 class="h-md" id="same">
            For agents
          </h2>
          <p class="sm muted">The same answer without a browser.</p>
          <div class="stack gap-sm">
            <Code label="command">
              {`curl -i ${method === 'GET' ? '' : `-X ${method} `}-H 'Accept: application/json' \\
  ${quoted(site.origin + path)}
`}
            </Code>
            <Code label="answer">
              {`${JSON.stringify({ error, code, ...(hint === undefined ? {} : { hint }), request_id: requestId }, undefined, 2)}
`}
            </Code>
          </div>
        </section>
        <p class="xs faint">
          Request <span class="id">{requestId}</span> at <time title={exactly(site.now)}>{exactly(site.now)}</time>.
          Give it to the operator if you think that this is wrong.
        </p>
      </div>
    </Document>
  );
}
