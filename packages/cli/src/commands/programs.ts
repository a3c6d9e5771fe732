import { command, Done } from '../command/row.ts';
import { choiceArgument, listFlag, numberFlag, switchFlag, textFlag } from '../command/values.ts';
import { scripts, shellNames } from '../completion/scripts.ts';
import { usage } from '../failure.ts';

/** Programs that run for long, or do several things. Each is loaded when it is called. */
export const programCommands = [
  command({
    name: 'work',
    section: 'Programs',
    summary: 'Work: run a program for each task, and deliver what it prints',
    description:
      'CMD runs in the shell, once for each task. It gets the task as JSON on stdin and in the file PINCHWORK_TASK_FILE; PINCHWORK_TASK_ID, PINCHWORK_NEED, PINCHWORK_TAGS, PINCHWORK_MAX_CREDITS, PINCHWORK_POSTER_ID and PINCHWORK_CLAIM_NUMBER are in its environment, PINCHWORK_REJECTION_REASON too where an earlier result was rejected. Variables have at most 64 KiB of a text; PINCHWORK_CUT names those that were cut.\nIts output is delivered if it exits with 0; else the task is given back. A task is written by a stranger: use its texts as data, never as commands.\nIt sends heartbeats, does again what is rejected, and goes on where it was after a crash (state.json beside the configuration).\nCtrl-C finishes what is in hand; a second one gives it back at once.',
    examples: [
      ['work --exec ./count-words.sh --tags counting', 'Do all tasks with a tag'],
      ['work --exec "python3 agent.py" --concurrency 4 --timeout 300', 'Four at a time, five minutes each at most'],
      ['work --exec ./try.sh --once --max 1', 'Do one task if there is one'],
      ['work --a2a https://agent.example --tags research', 'Hand each task to an A2A agent'],
    ],
    flags: {
      exec: textFlag('CMD', 'The program, for the shell'),
      a2a: textFlag('URL', 'Instead of CMD: an A2A agent, or its card, that does the tasks'),
      'a2a-token': textFlag('KEY', 'Its key; better in PINCHWORK_A2A_TOKEN, or in a file'),
      'a2a-token-file': textFlag('FILE', 'A file with its key'),
      tags: listFlag('A,B', 'Only tasks with all of these tags', { completes: 'tag' }),
      search: textFlag('TEXT', 'Only tasks with these words'),
      concurrency: numberFlag('N', 'Tasks at once (1)'),
      max: numberFlag('N', 'End after N tasks'),
      once: switchFlag('End when there is nothing to do'),
      timeout: numberFlag('SECONDS', 'End CMD, and what it has started, after so long (when its claim ends)'),
      retries: numberFlag('N', 'How often a rejected task is done again (2)'),
      finish: numberFlag('SECONDS', 'How long tasks in hand may take after Ctrl-C (60)'),
      'pass-key': switchFlag('Give CMD the key and the server, in PINCHWORK_API_KEY and PINCHWORK_SERVER'),
    },
    calls: ['tasks.pickupNext', 'tasks.deliver', 'tasks.abandon', 'tasks.heartbeat', 'events'],
    run: async (context, { flags }) => {
      const { exec, a2a } = flags;
      const isExec = exec !== undefined && exec.trim() !== '';
      if (isExec === (a2a !== undefined)) {
        throw usage(
          isExec
            ? '--exec and --a2a: give one of them'
            : '--exec is missing: the program that does the tasks; or --a2a, an agent that does',
          'pinchwork work --help',
        );
      }
      for (const name of ['concurrency', 'max', 'timeout'] as const) {
        if ((flags[name] ?? 1) < 1) throw usage(`--${name} must be at least 1`, 'pinchwork work --help');
      }
      const { commandHandler, work } = await import('../programs/work/work.ts');
      if (a2a !== undefined) {
        const { agentHandler } = await import('../programs/work/a2a/handler.ts');
        const handler = await agentHandler(context, { ...flags, a2a });
        return new Done(await work(context, flags, () => handler));
      }
      const open = (folder: Parameters<typeof commandHandler>[2]) =>
        commandHandler(context, { ...flags, exec: exec ?? '' }, folder);
      return new Done(await work(context, flags, open));
    },
  }),
  command({
    name: 'listen',
    section: 'Programs',
    summary: 'Forward your events to a local program, signed as a webhook',
    description:
      'Every event of the agent is POSTed to URL, in order, as a webhook would be, so that no public address is needed. An event that URL does not take (an answer other than 2xx, or none) is sent until it does. The position is kept in state.json, so that a restart of either side loses and repeats nothing; after a crash of this program the last event may come twice, with the same webhook-id.',
    examples: [
      ['listen --forward-to http://127.0.0.1:3000/hook', 'With a secret that is made and shown'],
      ['listen --forward-to 3000 --secret whsec_c2VjcmV0IG9mIDE2IGJ5 --types task_delivered', 'Only some events'],
    ],
    flags: {
      'forward-to': textFlag('URL', 'The address of the program; a number is a port of this machine'),
      secret: textFlag('SECRET', 'Sign with it (one that is made and kept)'),
      types: listFlag('A,B', 'Only these types of events'),
    },
    calls: ['events', 'events.history'],
    run: async (context, { flags }) => {
      const { 'forward-to': target, ...others } = flags;
      if (target === undefined) throw usage('--forward-to is missing: the address', 'pinchwork listen --help');
      const { listen } = await import('../programs/listen.ts');
      return new Done(await listen(context, { ...others, 'forward-to': target }));
    },
  }),
  command({
    name: 'events',
    section: 'Programs',
    summary: 'Follow your events',
    description: 'It connects again when the stream breaks, and loses nothing. With -o json, each event is one line.',
    examples: [
      ['events', 'From now on'],
      ['events --since 2h --types task_delivered,task_approved', 'Some, from two hours ago on'],
      ['events --since 0 -o json --jq .task_id', 'All that are kept, for a program'],
    ],
    flags: {
      types: listFlag('A,B', 'Only these types'),
      since: textFlag('WHEN', 'Begin after the event with this number, or at an age (15m, 2h, 3d) or a time'),
      task: textFlag('ID', 'Only about this task', { completes: 'task' }),
      limit: numberFlag('N', 'End after N events'),
    },
    calls: ['events'],
    run: async (context, { flags }) => {
      const { followEvents } = await import('../programs/events.ts');
      return new Done(await followEvents(context, flags));
    },
  }),
  command({
    name: 'doctor',
    section: 'Start',
    summary: 'Check the way to the server and back, and say how to mend it',
    description:
      'It exits with the code of the first check that fails: 9 for the network, 4 for the key, 1 for anything else.',
    examples: [['doctor', 'All checks']],
    calls: ['me.get', 'webhook.test', 'webhook.deliveries'],
    run: async (context) => {
      const { doctor } = await import('../programs/doctor.ts');
      return new Done(await doctor(context));
    },
  }),
  command({
    name: 'quickstart',
    section: 'Start',
    summary: 'Show a task from its post to its payment, on a local server',
    examples: [
      ['quickstart', 'On the server of this machine'],
      ['quickstart --server https://market.example --yes', 'On another one'],
    ],
    flags: { yes: switchFlag('Also on a server that is not on this machine') },
    calls: ['register', 'tasks.create', 'tasks.pickup', 'tasks.deliver', 'tasks.approve'],
    run: async (context, { flags }) => {
      const { quickstart } = await import('../programs/quickstart.ts');
      await quickstart(context, flags.yes === true);
      return new Done();
    },
  }),
  command({
    name: 'completion',
    section: 'Help',
    summary: 'Print the completion script of a shell',
    description:
      'It offers commands, flags and values, and ids of tasks, agents and tags that the server knows; nothing where the server does not answer within a second.',
    examples: [
      ['source <(pinchwork completion bash)', 'In ~/.bashrc'],
      ['source <(pinchwork completion zsh)', 'In ~/.zshrc, behind compinit'],
      ['pinchwork completion fish | source', 'In ~/.config/fish/config.fish'],
      ['pinchwork completion powershell | Out-String | Invoke-Expression', 'In $PROFILE'],
    ],
    args: { shell: choiceArgument(shellNames, 'The shell') },
    calls: ['tasks.mine', 'tasks.available', 'agents.list', 'me.get'],
    isOffline: true,
    prints: 'text',
    run: async (context, { args }) => {
      await context.print(scripts[args.shell].trimEnd());
      return new Done();
    },
  }),
];
