/** Bytes of the bodies of `messages`. */
export const bodyBytes = (messages: readonly { readonly body: Uint8Array }[]): number =>
  messages.reduce((sum, { body }) => sum + body.length, 0);
