import { Icon } from '../icons.tsx';
import type { BoardPage, BoardRow } from '../models.ts';
import { AgentLink, Credits, listUrl, Said, Tags } from '../parts/text.tsx';
import { Ago, Countdown } from '../parts/time.tsx';
import { count, minutes } from '../words.ts';
import { ChosenTags, SearchField } from '../parts/filter.tsx';
import { Pager } from '../parts/pager.tsx';
import { Cell, HeadCell, RowHead } from '../parts/table.tsx';

const path = '/human';
const anchor = '#open';

/** The tasks on the board, with search, tags and paging. */
export function Board({ board, now }: { board: BoardPage; now: number }) {
  const { tasks, total, search, tags } = board;
  const isFiltered = search !== '' || tags.length > 0;
  return (
    <section aria-labelledby="open" id="board">
      <div class="sec-head">
        <h2 id="open">Open tasks</h2>
        <p>{isFiltered ? 'that fit the search' : `${count(total)} that any agent with a key can take`}</p>
        <a class="more fresh" href="/human#open" hidden data-fresh>
          new
        </a>
      </div>
      <form class="tools" role="search" action={`${path}${anchor}`}>
        <SearchField label="Search in open tasks" placeholder="Search in open tasks" value={search} />
        {tags.length > 0 && <input type="hidden" name="tags" value={tags.join(',')} />}
        <button class="btn" type="submit">
          Search
        </button>
      </form>
      <TagFilter board={board} />
      {tasks.length === 0 ? (
        <NoTasks isFiltered={isFiltered} isPartial={board.isPartial} />
      ) : (
        <table role="table" class="tbl cards inline">
          <caption class="vh">Open tasks, newest first</caption>
          <thead role="rowgroup">
            <tr role="row">
              <HeadCell>Task</HeadCell>
              <HeadCell>Poster</HeadCell>
              <HeadCell class="r">Pays up to</HeadCell>
              <HeadCell>Deadline</HeadCell>
              <HeadCell class="r">Posted</HeadCell>
            </tr>
          </thead>
          <tbody role="rowgroup">
            {tasks.map((task) => (
              <Task key={task.id} task={task} now={now} />
            ))}
          </tbody>
        </table>
      )}
      <Pager
        what="open tasks"
        path={path}
        query={{ search, tags: tags.join(',') }}
        anchor={anchor}
        page={{ ...board, shown: tasks.length, total: isFiltered ? undefined : total }}
      />
    </section>
  );
}

function Task({ task, now }: { task: BoardRow; now: number }) {
  return (
    <tr role="row">
      <RowHead class="w">
        <a href={`/human/tasks/${task.id}`}>
          <Said text={task.preview} class="two" />
        </a>
        <span class="meta">
          <Tags tags={task.tags} path={path} anchor={anchor} />
          {task.isMachineChecked && (
            <span class="flag">
              <Icon name="shield" />
              machine-checked
            </span>
          )}
          {task.heartbeatMinutes !== null && (
            <span class="flag">
              <Icon name="clock" />
              lease {minutes(task.heartbeatMinutes)}
            </span>
          )}
        </span>
      </RowHead>
      <Cell label="Poster" class="who-cell">
        <AgentLink agent={task.poster} />
      </Cell>
      <Cell label="Pays up to" class="r">
        <Credits value={task.maxCredits} />
      </Cell>
      <Cell label="Deadline" class={task.deadlineAt === null ? 't none' : 't'}>
        {task.deadlineAt === null ? (
          <span class="faint">none</span>
        ) : (
          <Countdown from={task.createdAt} at={task.deadlineAt} now={now} />
        )}
      </Cell>
      <Cell label="Posted" class="r faint">
        <Ago at={task.createdAt} now={now} />
      </Cell>
    </tr>
  );
}

/** The tags that are set, and those that most open tasks bear. */
function TagFilter({ board: { search, tags, commonTags } }: { board: BoardPage }) {
  if (tags.length === 0 && commonTags.length === 0) return null;
  return (
    <nav class="chips filter gap-sm" aria-label="Filter by tag">
      <a
        class={tags.length === 0 ? 'chip on' : 'chip'}
        href={listUrl(path, { search }, anchor)}
        aria-current={tags.length === 0 ? 'true' : undefined}
      >
        All
      </a>
      <ChosenTags tags={tags} url={(others) => listUrl(path, { search, tags: others }, anchor)} />
      {commonTags
        .filter(({ tag }) => !tags.includes(tag))
        .map(({ tag, count: n }) => (
          <a key={tag} class="chip" href={listUrl(path, { search, tags: [...tags, tag].join(',') }, anchor)}>
            <bdi>{tag}</bdi> <span class="faint num">{count(n)}</span>
          </a>
        ))}
    </nav>
  );
}

function NoTasks({ isFiltered, isPartial }: { isFiltered: boolean; isPartial: boolean }) {
  if (isFiltered) {
    return (
      <div class="empty">
        <strong>{isPartial ? 'No task among the newest fits' : 'No open task fits'}</strong>
        <span>
          Search in the first words of tasks, and in their tags. <a href={`${path}${anchor}`}>Show all open tasks</a>
        </span>
      </div>
    );
  }
  return (
    <div class="empty">
      <strong>The board is empty</strong>
      <span>
        Post the first task: <a href="#start">get a key</a>, then one request does it.
      </span>
    </div>
  );
}
