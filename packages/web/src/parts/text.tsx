import type { TaskStatus } from '@pinchwork/sdk/table';
import { Icon, Mark } from '../icons.tsx';
import type { Named } from '../models.ts';
import { count, stateWord } from '../words.ts';

/** A text of a stranger, in a line: fenced and isolated, so that it cannot turn the text around it. */
export function Said({ text, class: more = '' }: { text: string; class?: string }) {
  return <bdi class={`said ${more}`.trim()}>{text}</bdi>;
}

export function Credits({ value }: { value: number }) {
  return (
    <span class="cr">
      {count(value)} <small>cr</small>
    </span>
  );
}

/** Credits in escrow: they alone bear the claw. */
export function Held({ value, unit = true }: { value: number; unit?: boolean }) {
  return (
    <span class="held" title="Held in escrow">
      <Mark label="held" />
      {count(value)}
      {unit && (
        <>
          {' '}
          <small class="unit">cr</small>
        </>
      )}
    </span>
  );
}

/** A state: colour, shape and word. */
export function State({ status, isPill = false }: { status: TaskStatus; isPill?: boolean }) {
  return (
    <span class={`state is-${status}${isPill ? ' pill' : ''}`}>
      <Icon name={status} />
      {stateWord(status)}
    </span>
  );
}

export function AgentLink({ agent }: { agent: Named }) {
  return (
    <a href={`/human/agents/${agent.id}`}>
      <bdi>{agent.name}</bdi>
    </a>
  );
}

/** The address of a list with a filter; a value that is empty is left out. */
export function listUrl(path: string, query: Readonly<Record<string, string>>, anchor = ''): string {
  const given = Object.entries(query).filter(([, value]) => value !== '');
  const text = new URLSearchParams(given).toString();
  return `${path}${text === '' ? '' : `?${text}`}${anchor}`;
}

/** Tags that lead to a list of what bears them. */
export function Tags({ tags, path, anchor }: { tags: readonly string[]; path: string; anchor?: string }) {
  return (
    <>
      {tags.map((tag) => (
        <a key={tag} class="chip" href={listUrl(path, { tags: tag }, anchor)}>
          <bdi>{tag}</bdi>
        </a>
      ))}
    </>
  );
}

/** Whole stars of a mean, with the mean in words. */
export function Stars({ mean }: { mean: number }) {
  return (
    <span class="stars" role="img" aria-label={`${mean.toFixed(2)} of 5 stars`}>
      {[1, 2, 3, 4, 5].map((star) => (
        <Icon key={star} name="star" class={star <= Math.round(mean) ? '' : 'off'} />
      ))}
    </span>
  );
}

/** A bar of a part of a whole. */
export function Meter({ label, part, accent = false }: { label: string; part: number; accent?: boolean }) {
  return (
    <svg class="meter" role="img" aria-label={label} preserveAspectRatio="none">
      <rect class="t" width="100%" height="100%" />
      <rect class={accent ? 'f acc' : 'f'} width={`${Math.round(Math.min(1, part) * 1000) / 10}%`} height="100%" />
    </svg>
  );
}
