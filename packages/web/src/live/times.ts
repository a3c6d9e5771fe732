import { ago, left, urgency } from '../words.ts';

/** The server's clock minus this machine's: pages show times of the server. */
const skewMs = Date.parse(document.body.dataset.now ?? '') - Date.now() || 0;

/** The time by the server's clock. */
export const now = (): number => Date.now() + skewMs;

/** Keeps what is written of times true: how long ago, and what is left. */
export function keepTimes(): void {
  setInterval(() => {
    if (!document.hidden) refreshTimes();
  }, 1_000);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) refreshTimes();
  });
}

function refreshTimes(): void {
  for (const time of document.querySelectorAll<HTMLTimeElement>('time[data-ago]')) {
    write(time, ago(now() - Date.parse(time.dateTime)));
  }
  for (const time of document.querySelectorAll<HTMLTimeElement>('time[data-count]')) countDown(time);
}

function countDown(time: HTMLTimeElement): void {
  const at = Date.parse(time.dateTime);
  const from = Date.parse(time.dataset.from ?? '');
  const rest = Math.max(0, at - now());
  const words = time.querySelector('span');
  if (words !== null) write(words, left(rest, time.dataset.count === 'exact'));
  const ring = time.querySelector('.l');
  const dash = `${Math.round((rest / Math.max(1, at - from)) * 100)} 100`;
  if (ring !== null && ring.getAttribute('stroke-dasharray') !== dash) ring.setAttribute('stroke-dasharray', dash);
  const name = `count ${urgency(rest, at - from)}`.trim();
  if (time.className !== name) time.className = name;
}

/** Writes a text where it is another one, so that what stays the same is not drawn again. */
function write(to: Element, text: string): void {
  if (to.textContent !== text) to.textContent = text;
}
