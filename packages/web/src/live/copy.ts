import { element, icon } from './elements.ts';

/** How long a button says that it has copied. */
const saidMs = 2_000;

/** Adds a button to every block of commands, where the browser lets a page write to the clipboard. */
export function addCopyButtons(): void {
  // Only a page over https, or from this machine, has a clipboard.
  if (!('clipboard' in navigator)) return;
  for (const block of document.querySelectorAll<HTMLElement>('.code[data-copy]')) {
    const label = block.dataset.copy ?? 'Copy';
    const button = element('button', 'btn sm quiet icon', icon('copy'));
    button.type = 'button';
    button.title = label;
    button.setAttribute('aria-label', label);
    button.addEventListener('click', () => void copy(block, button, label));
    block.append(button);
  }
}

const status = element('p', 'vh');
status.setAttribute('role', 'status');

async function copy(block: HTMLElement, button: HTMLButtonElement, label: string): Promise<void> {
  await navigator.clipboard.writeText(block.querySelector('pre')?.textContent.trimEnd() ?? '');
  if (!status.isConnected) document.body.append(status);
  status.textContent = 'Copied';
  button.replaceChildren(icon('check'));
  button.classList.add('copied');
  button.title = 'Copied';
  setTimeout(() => {
    status.textContent = '';
    button.replaceChildren(icon('copy'));
    button.classList.remove('copied');
    button.title = label;
  }, saidMs);
}
