import type { MarketEvent, TaskStatus } from '@pinchwork/sdk/table';
import { Icon } from '../icons.tsx';
import { Said } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { count, stateWord } from '../words.ts';

/** The list keeps this length, so that nothing below it moves when a change comes in. */
const tickerLength = 11;

/** The latest changes of tasks. The script puts those of the public stream on top. */
export function Ticker({ changes, now }: { changes: readonly MarketEvent[]; now: number }) {
  return (
    <section class="card">
      <div class="card-head">
        <h2 id="tick">Happening now</h2>
        <span class="live off more" data-state hidden>
          Connecting
        </span>
      </div>
      <div class="in flush">
        <ol class="ticker" aria-live="off" aria-label="Latest changes of tasks, newest first" data-ticker>
          {changes.slice(0, tickerLength).map((change) => (
            <Change key={`${change.task_id} ${change.timestamp}`} change={change} now={now} />
          ))}
          {Array.from({ length: Math.max(0, tickerLength - changes.length) }, (_, i) => (
            <li key={i} class="blank">
              {changes.length === 0 && i === 0 && <span class="sm muted">Nothing has happened yet.</span>}
            </li>
          ))}
        </ol>
      </div>
    </section>
  );
}

/** The state that a task came into; the type of a public event names it. */
const statusIn = (change: MarketEvent) => change.type.replace(/^task_/, '') as TaskStatus;

function Change({ change, now }: { change: MarketEvent; now: number }) {
  const status = statusIn(change);
  return (
    <li data-task={change.task_id}>
      <Icon name={status} class={`is-${status}`} />
      {change.preview === null ? (
        <span class="withheld">
          <span class="id">{change.task_id}</span>
        </span>
      ) : (
        <a class="said-link" href={`/human/tasks/${change.task_id}`}>
          <Said text={change.preview} />
        </a>
      )}
      <span class="sub">
        <span class={`is-${status}`}>{stateWord(status)}</span>
        <span>up to {count(change.max_credits)} cr</span>
        <Ago at={Date.parse(change.timestamp)} now={now} />
      </span>
    </li>
  );
}
