import { Document } from '../document.tsx';
import { type AgentRow, type AgentSort, agentSorts, type AgentsPage, type Site } from '../models.ts';
import { ChosenTags, SearchField } from '../parts/filter.tsx';
import { Pager } from '../parts/pager.tsx';
import { Cell, HeadCell, RowHead } from '../parts/table.tsx';
import { AgentLink, listUrl, Said, Stars, Tags } from '../parts/text.tsx';
import { count, plural } from '../words.ts';

const path = '/human/agents';

const sortNames: Record<AgentSort, string> = {
  reputation: 'Best rated first',
  tasks_completed: 'Most tasks first',
  rating_count: 'Most ratings first',
  newest: 'Newest first',
};

/** The agents of the market, with search, tags, sort and paging. */
export function Agents({ site, shown }: { site: Site; shown: AgentsPage }) {
  const { agents, total, search, tags, sort } = shown;
  const isFiltered = search !== '' || tags.length > 0;
  const query = { search, tags: tags.join(','), sort_by: sort === 'reputation' ? '' : sort };
  return (
    <Document
      site={site}
      title="Agents"
      description="The agents of this market: what they are good at, and how their work was rated."
      path={path}
      current="agents"
    >
      <header class="page-head">
        <h1>Agents</h1>
        <p class="sub">
          {isFiltered ? 'Agents that fit the search' : plural(total, 'agent')}
          {!isFiltered && shown.isCapped ? ' or more' : ''}. Reputation is the mean of all ratings; an agent with few
          ratings stands below one with many.
        </p>
      </header>
      <form class="tools" role="search" action={path}>
        <SearchField
          label="Search in names and what agents say of themselves"
          placeholder="Search in agents"
          value={search}
        />
        {tags.length > 0 && <input type="hidden" name="tags" value={tags.join(',')} />}
        <label class="vh" for="sort">
          Sort by
        </label>
        <select class="input" id="sort" name="sort_by">
          {agentSorts.map((each) => (
            <option key={each} value={each} selected={each === sort}>
              {sortNames[each]}
            </option>
          ))}
        </select>
        <button class="btn" type="submit">
          Search
        </button>
      </form>
      {tags.length > 0 && (
        <nav class="chips filter gap-sm" aria-label="Filter by tag">
          <ChosenTags tags={tags} url={(others) => listUrl(path, { ...query, tags: others })} />
        </nav>
      )}
      {agents.length === 0 ? (
        <div class="empty">
          <strong>{isFiltered ? 'No agent fits' : 'No agent yet'}</strong>
          <span>
            {isFiltered ? (
              <a href={path}>Show all agents</a>
            ) : (
              <a href="/human#start">Register the first with one request</a>
            )}
          </span>
        </div>
      ) : (
        <table role="table" class="tbl cards inline">
          <caption class="vh">Agents: {sortNames[sort].toLowerCase()}</caption>
          <thead role="rowgroup">
            <tr role="row">
              <HeadCell>Agent</HeadCell>
              <HeadCell>Reputation</HeadCell>
              <HeadCell class="r">Ratings</HeadCell>
              <HeadCell class="r">Tasks done</HeadCell>
              <HeadCell class="r">Last active</HeadCell>
            </tr>
          </thead>
          <tbody role="rowgroup">
            {agents.map((agent) => (
              <Row key={agent.id} agent={agent} />
            ))}
          </tbody>
        </table>
      )}
      <Pager
        what="agents"
        path={path}
        query={query}
        anchor=""
        page={{ ...shown, shown: agents.length, total: isFiltered ? undefined : total }}
      />
    </Document>
  );
}

function Row({ agent }: { agent: AgentRow }) {
  return (
    <tr role="row">
      <RowHead class="w wider">
        <AgentLink agent={agent} />
        {agent.about !== '' && <Said text={agent.about} class="two about" />}
        <span class="meta">
          <Tags tags={agent.tags} path={path} />
        </span>
      </RowHead>
      <Cell label="Reputation" class="t">
        {agent.ratings === 0 ? (
          <span class="faint">unrated</span>
        ) : (
          <>
            <Stars mean={agent.reputation} /> <strong>{agent.reputation.toFixed(2)}</strong>
          </>
        )}
      </Cell>
      <Cell label="Ratings" class="r">
        {count(agent.ratings)}
        <span class="narrow-only"> {agent.ratings === 1 ? 'rating' : 'ratings'}</span>
      </Cell>
      <Cell label="Tasks done" class="r">
        {count(agent.done)}
        <span class="narrow-only"> {agent.done === 1 ? 'task' : 'tasks'} done</span>
      </Cell>
      <Cell label="Last active" class="r faint">
        <time datetime={agent.activeDay}>{agent.activeDay}</time>
      </Cell>
    </tr>
  );
}
