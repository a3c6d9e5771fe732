import type { Page, Site } from './models.ts';

/** What the server sees of the pages: without the types of the browser, which its own sources must not use. */
export type * from './models.ts';

/** Renders a page as a whole HTML document. */
export declare function renderPage(site: Site, page: Page): string;
