import { render as toHtml } from 'preact-render-to-string';
import type { renderPage as declared } from './api.d.ts';
import type { Page, Site } from './models.ts';
import { Agent } from './pages/agent.tsx';
import { Agents } from './pages/agents.tsx';
import { ErrorAnswer } from './pages/error.tsx';
import { Market } from './pages/market.tsx';
import { Task } from './pages/task.tsx';
import { Text } from './pages/text.tsx';
import { visible } from './words.ts';

/** All texts are escaped, because components cannot write markup as text, and invisible characters are spaces. */
export const renderPage: typeof declared = (site, page) => visible(`<!doctype html>${toHtml(viewOf(site, page))}`);

function viewOf(site: Site, page: Page) {
  switch (page.name) {
    case 'market':
      return <Market site={site} shown={page.shown} />;
    case 'task':
      return <Task site={site} shown={page.shown} />;
    case 'agents':
      return <Agents site={site} shown={page.shown} />;
    case 'agent':
      return <Agent site={site} shown={page.shown} />;
    case 'text':
      return <Text site={site} {...page.shown} />;
    case 'error':
      return <ErrorAnswer site={site} shown={page.shown} />;
  }
}
