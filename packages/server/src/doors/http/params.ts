import { isId } from '@pinchwork/sdk';
import {
  agentNotFound,
  deliveryNotFound,
  questionNotFound,
  reportNotFound,
  taskNotFound,
} from '../../ground/errors.ts';

/** The parameters in the path of a request. */
export type PathParams = Readonly<Record<string, string>>;

/** An id of an odd shape is just not found (contract section 1, "Errors"). */
export function taskId({ id = '' }: PathParams): string {
  if (!isId('task', id)) throw taskNotFound();
  return id;
}

export function agentId({ id = '' }: PathParams): string {
  if (!isId('agent', id)) throw agentNotFound();
  return id;
}

export function questionId({ question_id: id = '' }: PathParams): string {
  if (!isId('question', id)) throw questionNotFound();
  return id;
}

export function reportId({ id = '' }: PathParams): string {
  if (!isId('report', id)) throw reportNotFound();
  return id;
}

export function deliveryId({ id = '' }: PathParams): string {
  if (!isId('delivery', id)) throw deliveryNotFound();
  return id;
}
