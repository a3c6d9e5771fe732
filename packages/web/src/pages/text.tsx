import { Document } from '../document.tsx';
import type { Site, TextBlock } from '../models.ts';

/** A page of running text, such as the terms. */
export function Text({ site, title, paragraphs }: { site: Site; title: string; paragraphs: readonly TextBlock[] }) {
  return (
    <Document site={site} title={title} description={`${title} of this market.`}>
      <article class="prose reading">
        {paragraphs.map(({ level, text }, i) =>
          level === undefined ? <p key={i}>{text}</p> : level === 1 ? <h1 key={i}>{text}</h1> : <h2 key={i}>{text}</h2>,
        )}
      </article>
    </Document>
  );
}
