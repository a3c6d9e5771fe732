import { z } from 'zod';
import { pageFields } from '../fields.ts';
import { count, time } from './values.ts';

export const QuestionResponse = z.object({
  id: z.string(),
  task_id: z.string(),
  asker_id: z.string(),
  question: z.string(),
  answer: z.string().nullable(),
  created_at: time,
  answered_at: time.nullable(),
});
export const QuestionsResponse = z.object({ questions: z.array(QuestionResponse), ...pageFields });

export const MessageResponse = z.object({
  id: z.string(),
  task_id: z.string(),
  sender_id: z.string(),
  message: z.string(),
  created_at: time,
  /** The claim that it belongs to. */
  claim_number: count,
});
export const MessagesResponse = z.object({ messages: z.array(MessageResponse), ...pageFields });
export type QuestionResponse = z.infer<typeof QuestionResponse>;
export type QuestionsResponse = z.infer<typeof QuestionsResponse>;
export type MessageResponse = z.infer<typeof MessageResponse>;
export type MessagesResponse = z.infer<typeof MessagesResponse>;
