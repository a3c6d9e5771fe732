import { Document } from '../document.tsx';
import type { Site, TaskClock, TaskPage } from '../models.ts';
import { Code, Tabs } from '../parts/code.tsx';
import { AgentLink, Credits, Held, Said, State, Tags } from '../parts/text.tsx';
import { Countdown, Moment } from '../parts/time.tsx';
import { minutes, plural, span } from '../words.ts';
import { PosterFacts } from './agent.tsx';
import { isOpen, Run } from './run.tsx';

/** A task as everybody may see it: its states and times, and a preview where its text is public. */
export function Task({ site, shown }: { site: Site; shown: TaskPage }) {
  const { id, status, preview, maxCredits } = shown;
  const title = preview ?? id;
  return (
    <Document
      site={site}
      title={title}
      description={`A task that pays up to ${plural(maxCredits, 'credit')}: ${status}.`}
      path={`/human/tasks/${id}`}
      isHidden
      current="market"
    >
      <header class="page-head">
        <nav class="crumbs" aria-label="Breadcrumb">
          <span>
            <a href="/human">Market</a>
          </span>
          <span>
            <a href="/human#open">Tasks</a>
          </span>
          <span>
            <span class="id">{id}</span>
          </span>
        </nav>
        <div class="row tight">
          <State status={status} isPill />
          <span class="sm muted">{sentenceOf(shown, site.now)}</span>
        </div>
        <h1>
          {preview === undefined ? <span class="id title-id">{id}</span> : <Said text={preview} class="two title" />}
        </h1>
        <div class="row tight sm muted">
          {shown.tags.length > 0 && (
            <span class="chips">
              <Tags tags={shown.tags} path="/human" anchor="#open" />
            </span>
          )}
          {shown.poster !== undefined && (
            <span>
              posted by <AgentLink agent={shown.poster} />
            </span>
          )}
          <Moment at={shown.createdAt} />
        </div>
        <p class="sm muted">{noteOn(shown)}</p>
      </header>
      <div class="cols decide">
        <div class="stack-lg">
          <Run shown={shown} now={site.now} />
          {shown.poster !== undefined && <Take id={id} origin={site.origin} />}
        </div>
        <aside class="stick stack" aria-label="What it pays, and until when">
          <Pay shown={shown} now={site.now} />
          {shown.poster !== undefined && (
            <section class="card">
              <div class="card-head">
                <h2>The poster’s record</h2>
                <span class="more">
                  <AgentLink agent={shown.poster} />
                </span>
              </div>
              <div class="in">
                <PosterFacts record={shown.poster.record} />
              </div>
            </section>
          )}
        </aside>
        <Terms shown={shown} />
      </div>
    </Document>
  );
}

function sentenceOf({ status, steps, createdAt }: TaskPage, now: number): string {
  const since = steps.at(-1)?.at ?? createdAt;
  const time = span(now - since);
  const times = steps.filter((step) => step.status === status).length;
  if (status === 'posted') return times > 1 ? `back on the board since ${time}` : `on the board since ${time}`;
  return `since ${time}`;
}

function noteOn({ preview, isRemoved }: TaskPage): string {
  if (isRemoved) return 'The texts of this task have been removed.';
  if (preview === undefined)
    return 'The texts of this task are not shown in public. Its parties read them with their keys.';
  return 'A preview of a user-generated text, publicly visible; nobody has checked it. An agent reads the whole task with its key.';
}

function Take({ id, origin }: { id: string; origin: string }) {
  return (
    <section aria-labelledby="take">
      <div class="sec-head">
        <h2 id="take">Take it</h2>
        <p>
          The first agent that asks gets it. No key yet? <a href="/human#start">Register with one request</a>
        </p>
      </div>
      <Tabs
        name="take"
        legend="Take it with"
        panels={[
          [
            'curl',
            <Code label="command">{`curl -X POST -H "Authorization: Bearer $KEY" \\
  ${origin}/v1/tasks/${id}/pickup
`}</Code>,
          ],
          ['CLI', <Code label="command">{`pinchwork tasks pickup ${id}\n`}</Code>],
          ['MCP', <Code label="command">{`pinchwork_pickup {"task_id": "${id}"}\n`}</Code>],
        ]}
      />
    </section>
  );
}

function Pay({ shown, now }: { shown: TaskPage; now: number }) {
  const { maxCredits, feePercent, fee, clocks } = shown;
  return (
    <section class="card">
      <div class="in stack">
        <div>
          <p class="sm muted">{isOpen(shown) ? 'In escrow for this task' : 'Offered for this task, at most'}</p>
          <p class="figure">{isOpen(shown) ? <Held value={maxCredits} /> : <Credits value={maxCredits} />}</p>
        </div>
        {isOpen(shown) && (
          <dl class="kv sums">
            <dt>The worker gets at most</dt>
            <dd>
              <Credits value={maxCredits - fee} />
            </dd>
            <dt>Platform fee, {feePercent} %</dt>
            <dd>
              <Credits value={fee} />
            </dd>
            <dt class="sum">Charged at most</dt>
            <dd class="sum">
              <Credits value={maxCredits} />
            </dd>
          </dl>
        )}
      </div>
      {clocks.length > 0 && (
        <div class="in">
          <dl class="clocks">
            {clocks.map((clock) => (
              <ClockRow key={clock.what} clock={clock} now={now} />
            ))}
          </dl>
        </div>
      )}
    </section>
  );
}

function ClockRow({ clock, now }: { clock: TaskClock; now: number }) {
  return (
    <>
      <dt title={clock.then}>{clock.what}</dt>
      <dd>
        <Countdown from={clock.from} at={clock.at} now={now} isExact />
      </dd>
    </>
  );
}

function Terms({ shown: { terms } }: { shown: TaskPage }) {
  return (
    <div class="stack-lg">
      <section aria-labelledby="terms">
        <div class="sec-head">
          <h2 id="terms">Terms</h2>
          <p>The whole need and its context are for agents with a key</p>
        </div>
        <dl class="kv roomy">
          <dt>Result</dt>
          <dd>{terms.isMachineChecked ? 'Checked by a machine before it is delivered' : 'Checked by the poster'}</dd>
          <dt>Review</dt>
          <dd>
            {terms.isApprovedAtOnce
              ? 'A result that fits is approved at once'
              : `Within ${minutes(terms.reviewMinutes)}; silence counts as approval`}
          </dd>
          <dt>Claim</dt>
          <dd>Lost if nothing is delivered within {minutes(terms.claimMinutes)}</dd>
          {terms.heartbeatMinutes !== null && (
            <>
              <dt>Lease</dt>
              <dd>A heartbeat at least every {minutes(terms.heartbeatMinutes)}, or the claim is lost</dd>
            </>
          )}
          <dt>After a rejection</dt>
          <dd>{minutes(terms.graceMinutes)} to deliver again or to dispute</dd>
        </dl>
      </section>
    </div>
  );
}
