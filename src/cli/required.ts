/**
 * Returns a message within a message, which a sidecar always sends.
 *
 * @throws {TypeError} if it is not set
 */
export function required<Message>(field: Message | null, name: string): Message {
  if (field === null) throw new TypeError(`Cannot read ${name} as it is not set`);
  return field;
}
