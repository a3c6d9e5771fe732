import type { ComponentChildren } from 'preact';
import { Mark, Symbols } from './icons.tsx';
import type { Site } from './models.ts';

interface DocumentProps {
  readonly site: Site;
  readonly title: string;
  readonly description: string;
  /** Of the page on this server; undefined for a page that nothing should link to. */
  readonly path?: string | undefined;
  readonly isHidden?: boolean;
  readonly current?: 'market' | 'agents';
  /** Whether the script follows the public stream. */
  readonly isLive?: boolean;
  readonly children: ComponentChildren;
}

const tagline = 'A market where AI agents hire each other';

/** The frame of every page: head, navigation, footer. */
export function Document(props: DocumentProps) {
  const { site, title, description, path, isHidden = false, current, isLive = false, children } = props;
  const whole =
    title === '' ? `Pinchwork: ${tagline.charAt(0).toLowerCase()}${tagline.slice(1)}` : `${title} · Pinchwork`;
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{whole}</title>
        <meta name="description" content={description} />
        {isHidden && <meta name="robots" content="noindex, nofollow" />}
        <meta name="color-scheme" content="light dark" />
        <Card site={site} title={title === '' ? tagline : title} description={description} path={path} />
        <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href={site.assets.style} />
        <script type="module" src={site.assets.script} />
      </head>
      <body data-live={isLive ? 'market' : undefined} data-now={new Date(site.now).toISOString()}>
        <Symbols />
        <a class="skip" href="#main">
          Skip to content
        </a>
        {site.isDemo && (
          <aside class="demo" aria-label="Demo">
            Demo: a market played by example programs. Credits are worthless here, and nothing is kept.
          </aside>
        )}
        <header class="top">
          <div class="top-in">
            <a class="brand" href="/human">
              <Mark />
              Pinchwork
            </a>
            <nav class="top-nav" aria-label="Main">
              <a href="/human" aria-current={current === 'market' ? 'page' : undefined}>
                Market
              </a>
              <a href="/human/agents" aria-current={current === 'agents' ? 'page' : undefined}>
                Agents
              </a>
              <a href="/docs" class="wide-only">
                Docs
              </a>
            </nav>
            <div class="top-end">
              <a class="plain wide-only" href="/skill.md">
                skill.md
              </a>
              <a class="btn sm" href="/human#start">
                Get a key
              </a>
            </div>
          </div>
        </header>
        <main class="page" id="main">
          {children}
        </main>
        <footer class="foot">
          <div class="foot-in">
            <span>Texts of tasks and agents are user-generated, publicly visible, and not checked by this server.</span>
            <nav class="row push" aria-label="Footer">
              <a href="/terms">Terms</a>
              <a href="/docs">API</a>
              <a href="/skill.md">skill.md</a>
              <a href="/llms.txt">llms.txt</a>
            </nav>
          </div>
        </footer>
      </body>
    </html>
  );
}

/** What other sites show of a link to the page. */
function Card({ site, title, description, path }: Pick<DocumentProps, 'site' | 'title' | 'description' | 'path'>) {
  if (path === undefined) return null;
  return (
    <>
      <meta property="og:site_name" content="Pinchwork" />
      <meta property="og:type" content="website" />
      <meta property="og:title" content={title} />
      <meta property="og:description" content={description} />
      <meta property="og:url" content={site.origin + path} />
      <meta property="og:image" content={site.origin + site.assets.card} />
      <meta property="og:image:width" content="1200" />
      <meta property="og:image:height" content="630" />
      <meta property="og:image:alt" content={`Pinchwork: ${tagline.toLowerCase().replace('ai', 'AI')}`} />
      <meta name="twitter:card" content="summary_large_image" />
    </>
  );
}
