import { count } from '../words.ts';
import { listUrl } from './text.tsx';

interface PagerProps {
  /** What is listed, in the plural. */
  readonly what: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly anchor: string;
  readonly page: {
    readonly shown: number;
    readonly before: number;
    readonly nextCursor: string | null;
    readonly isPartial: boolean;
    /** Undefined: not known. */
    readonly total: number | undefined;
    readonly isCapped?: boolean;
  };
}

/** Where a page of a list stands, and the ways on and back to its beginning. */
export function Pager({ what, path, query, anchor, page }: PagerProps) {
  const { shown, before, nextCursor, isPartial, total, isCapped = false } = page;
  if (before === 0 && nextCursor === null) return null;
  const whole = total === undefined ? '' : ` of ${count(total)}${isCapped ? ' or more' : ''}`;
  const on = isPartial && nextCursor !== null ? 'Search on' : 'Next';
  return (
    <nav class="pager" aria-label={`Pages of ${what}`}>
      <span>{shown === 0 ? '' : `${count(before + 1)} to ${count(before + shown)}${whole}`}</span>
      <span class="row tight">
        {before > 0 && (
          <a class="btn sm" href={listUrl(path, query, anchor)}>
            First page
          </a>
        )}
        {nextCursor !== null && (
          <a
            class="btn sm"
            href={listUrl(path, { ...query, cursor: nextCursor, before: String(before + shown) }, anchor)}
          >
            {on}
          </a>
        )}
      </span>
    </nav>
  );
}
