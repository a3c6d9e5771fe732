import type {
  DeleteTaskPushNotificationConfigRequest,
  GetTaskPushNotificationConfigRequest,
  TaskPushNotificationConfig,
} from '@a2a-js/sdk';
import { endpoints } from '@pinchwork/sdk/table';
import type { PushRequest } from '../../rules/pushes/config.ts';
import { deletePushConfig, listPushConfigs, type PushView, setPushConfig, showPushConfig } from '../../verbs/pushes.ts';
import type { Calls } from './calls.ts';
import type { Version } from './versions.ts';

/**
 * Push notification configurations. They are no endpoints of REST: setting and deleting one asks for the scope of its
 * poster's other decisions and counts like them, reading one like reading its task.
 */
const rows = { change: endpoints.approve, read: endpoints.showTask };

/** A configuration as a client sends it. The package reads 0.3 without a look at the types. */
export const pushRequest = (
  { id, url, token, authentication }: TaskPushNotificationConfig,
  version: Version,
): PushRequest => ({
  version,
  name: id,
  url,
  token,
  scheme: authentication?.scheme,
  credentials: authentication?.credentials,
});

/** A configuration as clients see it: its secrets are not sent back. */
const toConfig = ({ taskId, id, url, scheme }: PushView): TaskPushNotificationConfig => ({
  tenant: '',
  id,
  taskId,
  url,
  token: '',
  authentication: scheme === null ? undefined : { scheme, credentials: '' },
});

type Named = Pick<GetTaskPushNotificationConfigRequest & DeleteTaskPushNotificationConfigRequest, 'taskId' | 'id'>;

export async function setPush(calls: Calls, taskId: string, request: PushRequest): Promise<TaskPushNotificationConfig> {
  const { agentId, key } = await calls.admit(rows.change);
  return toConfig(await setPushConfig({ ctx: calls.ctx, agentId, key }, taskId, request));
}

export async function getPush(calls: Calls, { taskId, id }: Named): Promise<TaskPushNotificationConfig> {
  const { agentId } = await calls.admit(rows.read);
  return toConfig(await showPushConfig({ ctx: calls.ctx, agentId }, taskId, id));
}

export async function listPushes(calls: Calls, taskId: string): Promise<TaskPushNotificationConfig[]> {
  const { agentId } = await calls.admit(rows.read);
  return (await listPushConfigs({ ctx: calls.ctx, agentId }, taskId)).map(toConfig);
}

export async function deletePush(calls: Calls, { taskId, id }: Named): Promise<void> {
  const { agentId } = await calls.admit(rows.change);
  await deletePushConfig({ ctx: calls.ctx, agentId }, taskId, id);
}
