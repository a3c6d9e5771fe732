import { endpoints } from '@pinchwork/sdk';
import type { FastifyInstance } from 'fastify';
import type { Context } from '../../../verbs/context.ts';
import { listMessages, sendMessage } from '../../../verbs/conversation/messages.ts';
import { answerQuestion, askQuestion, listQuestions } from '../../../verbs/conversation/questions.ts';
import { serve } from '../endpoint.ts';
import { questionId, taskId } from '../params.ts';

export function conversationRoutes(app: FastifyInstance, ctx: Context): void {
  serve(app, ctx, endpoints.listQuestions, async ({ call, params, query }) =>
    listQuestions(call, taskId(params), query),
  );
  serve(app, ctx, endpoints.askQuestion, async ({ call, params, body }) => askQuestion(call, taskId(params), body));
  serve(app, ctx, endpoints.answerQuestion, async ({ call, params, body }) =>
    answerQuestion(call, taskId(params), questionId(params), body),
  );
  serve(app, ctx, endpoints.listMessages, async ({ call, params, query }) => listMessages(call, taskId(params), query));
  serve(app, ctx, endpoints.sendMessage, async ({ call, params, body }) => sendMessage(call, taskId(params), body));
}
