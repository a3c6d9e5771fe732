/** An error of the protocol: the SDK sends the code, the message and the data of any error that has a whole number as its code. */
export const protocolError = (code: number, message: string, data?: object): Error =>
  Object.assign(new Error(message), { code, ...(data === undefined ? {} : { data }) });

export const codes = { invalidParams: -32_602, internal: -32_603, resourceNotFound: -32_002 } as const;

export const missingCapability = (extension: string): Error =>
  protocolError(-32_021, `The client must declare the extension ${extension}`, {
    requiredCapabilities: { extensions: { [extension]: {} } },
  });
