import type { ComponentChildren } from 'preact';
import type { Flow, Outcomes } from '../models.ts';
import { Credits, Held, listUrl, Meter } from '../parts/text.tsx';
import { count, plural } from '../words.ts';
import { layFlow, outcomeNames, sumOf, type FlowLayout } from './flow-layout.ts';

const labels: Record<keyof Outcomes, string> = {
  paid: 'Paid to workers',
  fee: 'Platform fee',
  unspent: 'Returned, not charged',
  returned: 'Returned with the task',
  held: 'Held now',
};

const nameOf = (tag: string | undefined, others: number) =>
  tag ?? (others === 1 ? '1 other tag' : `${count(others)} other tags`);

/** Where credits went: from tags to what became of them. Names no agent, and no sum of one tag and one outcome. */
export function FlowPicture({ flow }: { flow: Flow }) {
  const layout = layFlow(flow);
  const { totals } = layout;
  const charged = totals.paid + totals.fee;
  const returned = totals.unspent + totals.returned;
  return (
    <section class="gap-lg" aria-labelledby="flow-h">
      <div class="sec-head">
        <h2 id="flow-h">Where the credits of the last 24 hours went</h2>
        <p>
          {count(sumOf(totals))} for {plural(flow.tasks, 'task')}: {count(charged)} charged, {count(returned)} returned,{' '}
          {count(totals.held)} held now. A task counts by its first tag; tags of fewer than five agents are among the
          others
        </p>
      </div>
      <figure class="flow-wide">
        <svg class="flow" viewBox={`0 0 1040 ${Math.ceil(layout.height) + 8}`} role="group" aria-labelledby="flow-h">
          <g transform="translate(0 4)">
            {layout.rows.map((row) => (
              <Source key={row.tag ?? ''} row={row} others={flow.others} />
            ))}
            <Outs layout={layout} />
          </g>
        </svg>
      </figure>
      <FlowLists flow={flow} totals={totals} />
    </section>
  );
}

function Source({ row, others }: { row: FlowLayout['rows'][number]; others: number }) {
  const { tag, outcomes, links, y, height } = row;
  const middle = y + height / 2;
  const charged = outcomes.paid + outcomes.fee;
  const label = (
    <>
      <text x="170" y={middle - 2} text-anchor="end">
        {nameOf(tag, others)}{' '}
        <tspan class="v" dx="4">
          {count(sumOf(outcomes))}
        </tspan>
      </text>{' '}
      <text class="v" x="170" y={middle + 14} text-anchor="end">
        {count(charged)} charged, {count(outcomes.held)} held
      </text>
    </>
  );
  return (
    <g class="t">
      <g>
        {links.map(({ outcome, from, to, width }) => (
          <path
            key={outcome}
            class={outcome === 'fee' ? 'link fee' : 'link'}
            d={`M187 ${from}C416.5 ${from} 416.5 ${to} 646 ${to}`}
            stroke-width={width}
          />
        ))}
      </g>
      <rect class="node" x="180" y={y} width="7" height={height} rx="1" />
      {tag === undefined ? label : <a href={listUrl('/human', { tags: tag }, '#open')}>{label}</a>}
    </g>
  );
}

function Outs({ layout: { outs, totals } }: { layout: FlowLayout }) {
  return (
    <g class="out">
      {outs.map(({ outcome, y, height }) => {
        const line = y + height / 2 + 4;
        const isHeld = outcome === 'held';
        return (
          <g key={outcome}>
            <rect class={isHeld ? 'node held' : 'node'} x="646" y={y} width="7" height={height} rx="1" />
            {isHeld && <use href="#mark" x="663" y={line - 11} width="13" height="13" />}
            <text x={isHeld ? 680 : 663} y={line}>
              {labels[outcome]}{' '}
              <tspan class="v" dx="4">
                {count(totals[outcome])}
              </tspan>
            </text>
          </g>
        );
      })}
      <Brace outs={outs.filter(({ outcome }) => outcome === 'paid' || outcome === 'fee')}>
        {count(totals.paid + totals.fee)} charged
      </Brace>
      <Brace outs={outs.filter(({ outcome }) => outcome === 'unspent' || outcome === 'returned')}>
        {count(totals.unspent + totals.returned)} returned
      </Brace>
    </g>
  );
}

/** A brace around neighbouring outcomes, with their sum. */
function Brace({ outs, children }: { outs: FlowLayout['outs']; children: ComponentChildren }) {
  const [first, last] = [outs[0], outs.at(-1)];
  if (first === undefined || last === undefined) return null;
  const [top, bottom] = [first.y, last.y + last.height];
  return (
    <>
      <path class="brace" d={`M872 ${top}h5V${bottom}h-5`} />
      <text x="888" y={(top + bottom) / 2 + 4}>
        {children}
      </text>
    </>
  );
}

/** The same sums as two lists of bars, where the picture would be too small to read. */
function FlowLists({ flow, totals }: { flow: Flow; totals: Outcomes }) {
  const bySum = flow.rows.map(({ tag, outcomes }) => [nameOf(tag, flow.others), sumOf(outcomes)] as const);
  const mostOfTags = Math.max(1, ...bySum.map(([, value]) => value));
  const mostOfOutcomes = Math.max(1, ...outcomeNames.map((name) => totals[name]));
  return (
    <div class="flow-narrow stack">
      <h3>By tag</h3>
      <dl class="flow-list">
        {bySum.map(([name, value]) => (
          <>
            <dt>
              <bdi>{name}</bdi>
            </dt>
            <dd>
              <Meter label={`${name}: ${plural(value, 'credit')}`} part={value / mostOfTags} />
            </dd>
            <dd>
              <Credits value={value} />
            </dd>
          </>
        ))}
      </dl>
      <h3>What became of them</h3>
      <dl class="flow-list">
        {outcomeNames.map((name) => (
          <>
            <dt>{labels[name]}</dt>
            <dd>
              <Meter
                label={`${labels[name]}: ${plural(totals[name], 'credit')}`}
                part={totals[name] / mostOfOutcomes}
                accent={name === 'held'}
              />
            </dd>
            <dd>{name === 'held' ? <Held value={totals.held} /> : <Credits value={totals[name]} />}</dd>
          </>
        ))}
        <dt class="sum">Both add up to</dt>
        <dd class="sum" />
        <dd class="sum">
          <Credits value={sumOf(totals)} />
        </dd>
      </dl>
    </div>
  );
}
