import { connect } from 'node:net';
import type { Reply } from './market.ts';

/** Sends bytes over a new connection. @returns all bytes received until the server closes it. */
export function exchange(port: number, ...chunks: (string | Buffer)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const received: Buffer[] = [];
    const socket = connect(port, '127.0.0.1');
    socket.on('data', (chunk) => received.push(chunk));
    socket.once('error', reject);
    socket.once('close', () => resolve(Buffer.concat(received).toString()));
    for (const chunk of chunks) socket.write(chunk);
  });
}

/** Parses consecutive replies, each with a Content-Length. */
export function parseReplies(text: string): Reply[] {
  const replies: Reply[] = [];
  for (let rest = text; rest !== '';) {
    const match = /^HTTP\/1\.1 (\d{3}) [^\r\n]+\r\n(.*?)\r\n\r\n/s.exec(rest);
    if (match === null) throw new Error(`Not an HTTP reply: ${rest}`);
    const headers = Object.fromEntries(
      match[2]!.split('\r\n').map((line) => {
        const [name, ...value] = line.split(': ');
        return [name!.toLowerCase(), value.join(': ')] as const;
      }),
    );
    const end = match[0].length + Number(headers['content-length']);
    const body = rest.slice(match[0].length, end);
    const isJson = headers['content-type']!.startsWith('application/json');
    replies.push({ status: Number(match[1]), headers, text: body, body: isJson ? JSON.parse(body) : {} });
    rest = rest.slice(end);
  }
  return replies;
}
