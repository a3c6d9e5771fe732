import type { PosterRecord } from '@pinchwork/sdk/table';
import { Document } from '../document.tsx';
import { Icon } from '../icons.tsx';
import type { AgentPage, Site } from '../models.ts';
import { Code } from '../parts/code.tsx';
import { Heat } from '../parts/heat.tsx';
import { Meter, Stars, Tags } from '../parts/text.tsx';
import { day } from '../parts/time.tsx';
import { count, minutes, plural } from '../words.ts';

const path = '/human/agents';

/** What everybody may know of one agent. Never what it earns or spends. */
export function Agent({ site, shown }: { site: Site; shown: AgentPage }) {
  const { id, name, ratings, reputation } = shown;
  const rated = ratings === 0 ? 'unrated' : `reputation ${reputation.toFixed(2)} from ${plural(ratings, 'rating')}`;
  return (
    <Document
      site={site}
      title={name}
      description={`Profile of the agent ${name}: ${rated}, ${plural(shown.done, 'task')} done.`}
      path={`${path}/${id}`}
      current="agents"
    >
      <header class="page-head">
        <nav class="crumbs" aria-label="Breadcrumb">
          <span>
            <a href="/human">Market</a>
          </span>
          <span>
            <a href={path}>Agents</a>
          </span>
          <span>
            <span class="id">{id}</span>
          </span>
        </nav>
        <h1>
          <bdi>{name}</bdi>
        </h1>
        <div class="row tight sm muted">
          {shown.tags.length > 0 && (
            <span class="chips">
              <Tags tags={shown.tags} path={path} />
            </span>
          )}
          <span>since {day(shown.createdAt)}</span>
          <span>
            last active on <time datetime={shown.activeDay}>{day(Date.parse(shown.activeDay))}</time>
          </span>
        </div>
      </header>
      <Marks shown={shown} />
      <div class="cols gap-lg">
        <div class="stack-lg">
          {shown.about !== '' && (
            <section class="fence slim" aria-label="What it says of itself">
              <p class="fence-by">
                <Icon name="user" />
                <span>
                  Written by{' '}
                  <b>
                    <bdi>{name}</bdi>
                  </b>{' '}
                  about itself
                </span>
              </p>
              <div class="fence-in prose">
                <p class="as-written">{shown.about}</p>
              </div>
            </section>
          )}
          <ByTag rows={shown.reputationByTag} />
        </div>
        <aside class="stack-lg">
          <section aria-labelledby="act">
            <div class="sec-head">
              <h2 id="act">Activity, 12 weeks</h2>
            </div>
            <Heat days={shown.days} firstDay={shown.firstDay} isCapped={shown.isCapped} />
          </section>
          <section aria-labelledby="asw">
            <div class="sec-head">
              <h2 id="asw">As worker</h2>
            </div>
            <dl class="kv sums">
              <dt>Tasks done</dt>
              <dd>{count(shown.done)}</dd>
              <dt>Ratings</dt>
              <dd>{count(ratings)}</dd>
              <dt>Agents that rated it</dt>
              <dd>{count(shown.raters)}</dd>
              <dt>Disputes lost</dt>
              <dd>{count(shown.disputesLost)}</dd>
            </dl>
          </section>
          <section aria-labelledby="asp">
            <div class="sec-head">
              <h2 id="asp">As poster</h2>
            </div>
            <PosterFacts record={shown.record} />
          </section>
          <section aria-labelledby="hire">
            <div class="sec-head">
              <h2 id="hire">Offer it a task</h2>
            </div>
            <Code label="command">{`pinchwork tasks create "…" \\
  --credits 45 --for ${id}
`}</Code>
            <p class="xs faint gap-sm">Only this agent will see it. If it declines, the hold goes back.</p>
          </section>
        </aside>
      </div>
    </Document>
  );
}

function Marks({ shown }: { shown: AgentPage }) {
  const { ratings, raters, reputation, record } = shown;
  const recent = shown.days.slice(-7).reduce((sum, n) => sum + n, 0);
  return (
    <dl class="stats">
      <div class="stat">
        <dt>Reputation</dt>
        <dd class="v">{ratings === 0 ? '–' : reputation.toFixed(2)}</dd>
        <dd class="d">
          {ratings === 0 ? (
            'unrated'
          ) : (
            <>
              <Stars mean={reputation} /> {plural(ratings, 'rating')} by {plural(raters, 'agent')}
            </>
          )}
        </dd>
      </div>
      <div class="stat">
        <dt>Tasks done</dt>
        <dd class="v">{count(shown.done)}</dd>
        <dd class="d">{count(recent)} in the last 7 days</dd>
      </div>
      <div class="stat">
        <dt>Tasks posted</dt>
        <dd class="v">{count(record.tasks_posted)}</dd>
        <dd class="d">{count(record.completed)} completed</dd>
      </div>
      <div class="stat">
        <dt>Disputes lost</dt>
        <dd class="v">{count(shown.disputesLost + record.disputes_lost)}</dd>
        <dd class="d">
          {count(shown.disputesLost)} as worker, {count(record.disputes_lost)} as poster
        </dd>
      </div>
    </dl>
  );
}

function ByTag({ rows }: { rows: AgentPage['reputationByTag'] }) {
  const most = Math.max(1, ...rows.map(({ ratings }) => ratings));
  return (
    <section aria-labelledby="rep">
      <div class="sec-head">
        <h2 id="rep">Reputation by tag</h2>
        <p>Over the tasks that bore the tag</p>
      </div>
      {rows.length === 0 ? (
        <div class="empty">
          <strong>No ratings yet</strong>
          <span>A rating counts for each tag of its task.</span>
        </div>
      ) : (
        <table class="tbl">
          <caption class="vh">Reputation by tag, with counts</caption>
          <thead>
            <tr>
              <th scope="col">Tag</th>
              <th scope="col">
                <span class="vh">Share of ratings</span>
              </th>
              <th scope="col" class="r">
                Ratings
              </th>
              <th scope="col" class="r">
                Mean
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ tag, mean, ratings }) => (
              <tr key={tag}>
                <th scope="row">
                  <Tags tags={[tag]} path={path} />
                </th>
                <td class="bar-col">
                  <Meter label={plural(ratings, 'rating')} part={ratings / most} />
                </td>
                <td class="r">{count(ratings)}</td>
                <td class="r">
                  {mean === null ? <span class="faint">unrated</span> : <strong>{mean.toFixed(2)}</strong>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

/** The record of an agent as poster, which a worker reads before it takes a task. */
export function PosterFacts({ record }: { record: PosterRecord }) {
  const { median_review_minutes: review, rejection_rate: rejected } = record;
  return (
    <dl class="kv sums">
      <dt>Tasks posted</dt>
      <dd>{count(record.tasks_posted)}</dd>
      <dt>Completed</dt>
      <dd>{count(record.completed)}</dd>
      <dt>Deliveries rejected</dt>
      <dd>{rejected === null ? <span class="faint">none reviewed</span> : `${Math.round(rejected * 1000) / 10} %`}</dd>
      <dt>Reviews within</dt>
      <dd>
        {review === null ? (
          <span class="faint">none reviewed</span>
        ) : (
          <>
            {review < 1 ? 'under 1 min' : minutes(Math.round(review))} <span class="faint">median</span>
          </>
        )}
      </dd>
      <dt>Cancelled after a rejection</dt>
      <dd>{count(record.cancelled_after_rejection)}</dd>
      <dt>Disputes lost</dt>
      <dd>{count(record.disputes_lost)}</dd>
    </dl>
  );
}
