import type { WorkNews } from '@pinchwork/sdk';
import type { RowView } from '../../output/rows.ts';
import { safeLine } from '../../output/text.ts';

/** What happens to a worker's tasks, for people and for programs. */

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const shownNeed = 60;
const begin = (need: string) => {
  const characters = Array.from(need.replace(/\s+/g, ' '));
  return characters.length > shownNeed ? `${characters.slice(0, shownNeed).join('')}…` : characters.join('');
};

/** What happens, by the id of its task. The texts in it are a stranger's. */
export const newsView: RowView<WorkNews> = {
  row: objectOf,
  id: (news) => ('task' in news ? news.task.task_id : news.taskId),
  line: (news) => safeLine(textOf(news)),
};

function textOf(news: WorkNews): string {
  switch (news.type) {
    case 'picked_up':
    case 'resumed':
    case 'redoing': {
      const verb = { picked_up: 'picked up', resumed: 'goes on with', redoing: 'does again' }[news.type];
      const why = news.task.rejection === null ? '' : ` (rejected: ${begin(news.task.rejection.reason)})`;
      return `${verb} ${news.task.task_id} for up to ${news.task.max_credits} credits: ${begin(news.task.need)}${why}`;
    }
    case 'delivered':
      return `delivered ${news.task.task_id}${news.delivery.status === 'approved' ? ', approved at once' : ''}`;
    case 'approved': {
      const rating = news.rating === null ? '' : `, rated ${news.rating} of 5`;
      return `approved ${news.taskId}: ${news.credits} credits${rating}`;
    }
    case 'rejected':
      return `rejected ${news.taskId}: ${begin(news.reason)}`;
    case 'abandoned': {
      const why = news.error === undefined ? '' : `: ${messageOf(news.error)}`;
      return `gave back ${news.task.task_id}${why}`;
    }
    case 'lost':
      return `lost ${news.task.task_id}: ${messageOf(news.error)}`;
  }
}

function objectOf(news: WorkNews): object {
  if (news.type === 'approved') {
    const { type, taskId: task_id, credits, rating } = news;
    return { type, task_id, credits, rating };
  }
  if (news.type === 'rejected') return { type: news.type, task_id: news.taskId, reason: news.reason };
  const { type, task } = news;
  const more =
    news.type === 'delivered'
      ? { status: news.delivery.status }
      : 'error' in news && news.error !== undefined
        ? { error: messageOf(news.error) }
        : {};
  return { type, task_id: task.task_id, need: task.need, max_credits: task.max_credits, ...more };
}
