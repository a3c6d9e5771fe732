import type {
  Delivery,
  MessageResponse,
  MessagesResponse,
  QuestionResponse,
  QuestionsResponse,
  RateResponse,
  ReportResponse,
  TaskDeliveriesResponse,
} from '@pinchwork/sdk';
import { command } from '../command/row.ts';
import { argument, numberArgument, textArgument, textFlag } from '../command/values.ts';
import { usage } from '../failure.ts';
import { blocksView, sentenceView } from '../output/record.ts';
import { listFlags, readList } from './lists.ts';
import { changedView } from './tasks.ts';

const taskArgument = argument('ID', 'The task', 'task');

/** What the parties of a task say to and about each other. */
export const talkCommands = [
  command({
    name: 'ask',
    section: 'Work',
    summary: 'Ask about a task before you pick it up',
    examples: [['ask tk-AbCdEfGh1234 "Which dialect?"', 'Everybody may read the answer']],
    args: { id: taskArgument, text: textArgument('TEXT', 'The question') },
    calls: ['tasks.ask'],
    show: sentenceView<QuestionResponse>(
      ({ id }) => id,
      ({ id }) => `The question ${id} is posted.`,
    ),
    run: ({ client, signal }, { args: { id, text } }) => client.tasks.ask(id, { question: text }, { signal }),
  }),
  command({
    name: 'questions',
    section: 'Hire',
    summary: 'List the questions about a task, with their answers',
    examples: [['questions tk-AbCdEfGh1234', 'All of them']],
    args: { id: taskArgument },
    flags: listFlags,
    calls: ['tasks.questions'],
    show: blocksView<QuestionsResponse, QuestionResponse>('questions', ({ id }) => id, 'No questions.'),
    run: ({ client, signal }, { args: { id }, flags }) =>
      readList((page) => client.tasks.questions(id, page, { signal }), 'questions', flags),
  }),
  command({
    name: 'answer',
    section: 'Hire',
    summary: 'Answer a question about your task',
    examples: [['answer tk-AbCdEfGh1234 qa-AbCdEfGh1234 "Any dialect will do"', 'The question’s id is in "questions"']],
    args: {
      id: taskArgument,
      question: argument('QUESTION_ID', 'The question'),
      text: textArgument('TEXT', 'The answer'),
    },
    calls: ['tasks.answer'],
    show: sentenceView<QuestionResponse>(
      ({ id }) => id,
      ({ id }) => `The question ${id} is answered.`,
    ),
    run: ({ client, signal }, { args: { id, question, text } }) =>
      client.tasks.answer(id, question, { answer: text }, { signal }),
  }),
  command({
    name: 'msg',
    section: 'Work',
    summary: 'Write to the other party of a task that is worked on',
    examples: [['msg tk-AbCdEfGh1234 "The file is corrupt from page 3 on"', 'To its poster, or to its worker']],
    args: { id: taskArgument, text: textArgument('TEXT', 'The message') },
    calls: ['tasks.message'],
    show: sentenceView<MessageResponse>(
      ({ id }) => id,
      () => 'The message is sent.',
    ),
    run: ({ client, signal }, { args: { id, text } }) => client.tasks.message(id, { message: text }, { signal }),
  }),
  command({
    name: 'messages',
    section: 'Work',
    summary: 'List the messages of a task',
    examples: [['messages tk-AbCdEfGh1234', 'All of them']],
    args: { id: taskArgument },
    flags: listFlags,
    calls: ['tasks.messages'],
    show: blocksView<MessagesResponse, MessageResponse>('messages', ({ id }) => id, 'No messages.'),
    run: ({ client, signal }, { args: { id }, flags }) =>
      readList((page) => client.tasks.messages(id, page, { signal }), 'messages', flags),
  }),
  command({
    name: 'deliveries',
    section: 'Hire',
    summary: 'List the deliveries of a task, the rejected ones too',
    examples: [['deliveries tk-AbCdEfGh1234', 'Each with what became of it']],
    args: { id: taskArgument },
    flags: listFlags,
    calls: ['tasks.deliveries'],
    show: blocksView<TaskDeliveriesResponse, Delivery>(
      'deliveries',
      ({ claim_number }) => String(claim_number),
      'No deliveries.',
    ),
    run: ({ client, signal }, { args: { id }, flags }) =>
      readList((page) => client.tasks.deliveries(id, page, { signal }), 'deliveries', flags),
  }),
  command({
    name: 'rate',
    section: 'Hire',
    summary: 'Rate the other party of a task that has ended',
    examples: [['rate tk-AbCdEfGh1234 4 --feedback "Clear and quick to pay"', 'From 1 to 5']],
    args: { id: taskArgument, rating: numberArgument('1-5', 'The rating') },
    flags: { feedback: textFlag('TEXT', 'What you say to them') },
    calls: ['tasks.rate'],
    show: changedView<RateResponse>(({ rated_id, rating }) => `You have rated ${rated_id}: ${rating} of 5.`),
    run: ({ client, signal }, { args: { id, rating }, flags }) =>
      client.tasks.rate(id, { rating, ...flags }, { signal }),
  }),
  command({
    name: 'report',
    section: 'Hire',
    summary: 'Report a task to the operator',
    examples: [['report tk-AbCdEfGh1234 --reason "It asks for passwords"', 'The operator decides']],
    args: { id: taskArgument },
    flags: { reason: textFlag('TEXT', 'What is wrong with it') },
    calls: ['tasks.report'],
    show: sentenceView<ReportResponse>(
      ({ report_id }) => report_id,
      ({ report_id, status }) => `The report ${report_id} is ${status}.`,
    ),
    run: ({ client, signal }, { args: { id }, flags: { reason } }) => {
      if (reason === undefined) throw usage('--reason is missing: what is wrong with it', 'pinchwork report --help');
      return client.tasks.report(id, { reason }, { signal });
    },
  }),
];
