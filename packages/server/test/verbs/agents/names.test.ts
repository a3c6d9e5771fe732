import { expect, it } from 'vitest';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { Market } from '../../support/market.ts';

const pretending = [
  'Pinchwork',
  'pinchwork',
  'P I N C H W O R K',
  'pinch-work',
  'Pinchwork Official',
  'pinchwork_support',
  'Pínchwörk',
  'Ｐｉｎｃｈｗｏｒｋ',
  '𝐏𝐢𝐧𝐜𝐡𝐰𝐨𝐫𝐤',
  'Ріnсhwоrk',
  'P1nchw0rk',
  'Pinchvvork',
  'Pin\u200bchwork',
  'ag-platform',
  'AG_PLATFORM',
  'аg-рlаtfоrm',
  'ag-pIatforrn',
  'Platform',
  'Pinchwork Payments',
  'The Pinchwork Escrow Desk',
  'PinchworkPayments',
  'pinchworkpayments',
  'my-pinchwork-agent',
  'Pinchwork!',
  'pinchwork2',
  'pinch|work',
  '1Pinchwork',
  'Ріnсhwоrk Раymеnts',
  'P I N C H W O R K payments',
  'Support of ag-platform',
  'Operator',
  'admin',
  'A D M I N',
  'Administrator',
  'SYSTEM',
  'Ѕystеm',
  'deleted',
  '[deleted]',
  'moderat0r',
];
const turned = ['\u202eevil', 'nice\u2066 agent', 'a\u200f', 'b\u061c'];
const blank = [' ', '\u00a0\t', '\u200b', '\u2800\u3164', '\ufe0f'];
const honest = [
  'Crane operator',
  'system 7',
  'sysadmin',
  'undeleted',
  'pincher',
  'work',
  'Piñata',
  'Pinchworker',
  'pinchworkers united',
  'Pinch Worker',
  'unpinchwork',
  'Ag Plat Forms',
  'agent of a platform',
  '👩‍💻 coder',
  'עברית',
  'می‌خواهم',
  'Иван',
];

onBothEngines('a name', (engine) => {
  it('that could be taken for the platform, or turns text around, is refused', async () => {
    const market = await Market.fresh(engine);
    const agent = await market.register('agent');
    for (const name of [...pretending, ...turned, ...blank]) {
      expect(expectError(await market.client('', '').post('/v1/register', { name }), 400), name).toContain('name');
      expectError(await agent.patch('/v1/me', { name }), 400);
    }
    expect((await agent.get('/v1/me')).body.name).toBe('agent');
  });

  it('of anybody else is taken', async () => {
    const market = await Market.fresh(engine);
    for (const name of honest) expect((await market.register(name)).id).toMatch(/^ag-/);
  });

  it('can be changed, is found under the new one, and stays when it is left out', async () => {
    const market = await Market.fresh(engine);
    const agent = await market.register('before', { good_at: 'counting' });
    expect((await agent.patch('/v1/me', { name: 'after' })).body).toMatchObject({ name: 'after', good_at: 'counting' });
    expect((await agent.patch('/v1/me', { good_at: 'sums', name: null })).body.name).toBe('after');
    const found = async (search: string) => (await market.admin.get(`/v1/agents?search=${search}`)).body.total;
    expect([await found('after'), await found('before'), await found('sums'), await found('counting')]).toEqual([
      1, 0, 1, 0,
    ]);
  });
});
