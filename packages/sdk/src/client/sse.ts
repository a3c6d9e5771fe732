/** One message of a stream of server-sent events. */
export interface Message {
  readonly id: string | undefined;
  readonly data: string;
}

/**
 * Reads server-sent events as the HTML standard says, but for the type, which `data` repeats here. Takes pieces of text
 * cut anywhere, and gives the messages that they complete.
 */
export class MessageParser {
  /** What the server asks for between two connections, in milliseconds. */
  retryMs: number | undefined;
  #rest = '';
  #data: string[] = [];
  #id: string | undefined;
  #afterReturn = false;

  *push(text: string): Generator<Message> {
    // A line may end with CR LF, of which the CR came with the piece before.
    const piece = this.#afterReturn && text.startsWith('\n') ? text.slice(1) : text;
    if (text !== '') this.#afterReturn = text.endsWith('\r');
    const lines = (this.#rest + piece).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line !== '') this.#take(line);
      else if (this.#data.length > 0) {
        yield { id: this.#id, data: this.#data.join('\n') };
        this.#data = [];
      }
    }
  }

  #take(line: string): void {
    const colon = line.indexOf(':');
    // A line that begins with a colon is a comment.
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.#data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
  }
}
