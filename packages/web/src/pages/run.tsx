import { Icon } from '../icons.tsx';
import type { Step, TaskPage } from '../models.ts';
import { Clock } from '../parts/time.tsx';
import { span, stateWord } from '../words.ts';

/** Whether a task has not ended. */
export const isOpen = ({ endedAt }: Pick<TaskPage, 'endedAt'>) => endedAt === undefined;

/** The states that it has been in, as a strip to scale and as a list. */
export function Run({ shown, now }: { shown: TaskPage; now: number }) {
  const { steps, endedAt, createdAt, clocks } = shown;
  const until = endedAt ?? now;
  const parts = steps
    .map((step, i) => ({ ...step, ms: (steps[i + 1]?.at ?? until) - step.at }))
    .filter(({ ms }) => ms > 0);
  const [next] = [...clocks].sort((a, b) => a.at - b.at);
  return (
    <section aria-labelledby="run">
      <div class="sec-head">
        <h2 id="run">{isOpen(shown) ? 'How it went so far' : 'How it went'}</h2>
        <p>
          {span(until - createdAt)} {isOpen(shown) ? 'since it was posted' : 'from its posting to its end'}
        </p>
      </div>
      {parts.length > 0 && <Strip parts={parts} isOpen={isOpen(shown)} />}
      <ol class="timeline gap">
        {steps.map((step, i) => (
          <TimelineStep
            key={i}
            step={step}
            lasted={(steps[i + 1]?.at ?? until) - step.at}
            isLast={i === steps.length - 1}
            now={now}
          />
        ))}
        {next !== undefined && (
          <li class="ahead">
            <span class="dot" />
            <div>
              {next.what}: {next.then}
            </div>
            <Clock at={next.at} now={now} />
          </li>
        )}
      </ol>
    </section>
  );
}

interface Part extends Step {
  readonly ms: number;
}

/** Short states keep a width that can be seen. */
const leastShare = 0.006;

function Strip({ parts, isOpen: open }: { parts: readonly Part[]; isOpen: boolean }) {
  const total = parts.reduce((sum, { ms }) => sum + ms, 0);
  const shares = parts.map(({ ms }) => Math.max(leastShare, ms / total));
  const whole = shares.reduce((sum, share) => sum + share, 0);
  let x = 0;
  const placed = shares.map((share) => {
    const width = (share / whole) * 1000;
    x += width;
    return { x: x - width, width };
  });
  const words = parts.map(({ status, ms }) => `${status} for ${span(ms)}`).join(', ');
  return (
    <>
      <svg class="strip" viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label={words}>
        {parts.map(({ status }, i) => (
          <rect
            key={i}
            class={`is-${status}`}
            x={(placed[i]?.x ?? 0).toFixed(1)}
            width={(placed[i]?.width ?? 0).toFixed(1)}
            height="20"
          />
        ))}
        {placed.slice(1).map((place) => (
          <line key={place.x} x1={place.x.toFixed(1)} x2={place.x.toFixed(1)} y2="20" />
        ))}
      </svg>
      <p class="strip-key">
        {parts.map(({ status, ms }, i) => (
          <span key={i} class={`state is-${status}`} title={stateWord(status)}>
            <Icon name={status} />
            {span(ms)}
            {open && i === parts.length - 1 ? ' so far' : ''}
          </span>
        ))}
      </p>
    </>
  );
}

interface TimelineStepProps {
  readonly step: Step;
  readonly lasted: number;
  readonly isLast: boolean;
  readonly now: number;
}

function TimelineStep({ step: { status, why, at }, lasted, isLast, now }: TimelineStepProps) {
  return (
    <li>
      <Icon name={status} class={`is-${status}`} />
      <div>
        <strong>{stateWord(status)}</strong>
        {why !== '' && `: ${why}`}
        {!isLast && <div class="note">for {span(lasted)}</div>}
      </div>
      <Clock at={at} now={now} />
    </li>
  );
}
