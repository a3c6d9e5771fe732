import type { Clock, OutputStream } from '../io.ts';
import { fit, safeLine } from './text.ts';
import { duration } from './time.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 100;
/** What is over sooner needs no spinner. */
const firstFrameMs = 300;
const clearLine = '\r\u001b[2K';

/**
 * Awaits `work`. On a terminal one line, which vanishes at the end, says what is awaited, its state and for how long.
 */
export async function spinning<T>(
  { stream, clock }: { readonly stream: OutputStream; readonly clock: Clock },
  what: string,
  work: Promise<T>,
  state: () => string = () => '',
): Promise<T> {
  if (!stream.isTerminal) return work;
  const startMs = clock.now();
  let [frame, isShown] = [0, false];
  let cancel = clock.after(firstFrameMs, draw);
  // A terminal that is closed ends nothing.
  const show = (text: string) => stream.write(clearLine + text).catch(() => undefined);
  function draw(): void {
    const elapsed = duration((clock.now() - startMs) / 1_000);
    const line = [what, state(), elapsed].filter((part) => part !== '').join(' · ');
    isShown = true;
    // A line that wraps could not be cleared.
    void show(`${frames[frame++ % frames.length]} ${fit(safeLine(line), (stream.columns ?? 80) - 3)}`);
    cancel = clock.after(frameMs, draw);
  }
  try {
    return await work;
  } finally {
    cancel();
    if (isShown) await show('');
  }
}
